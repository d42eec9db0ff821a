// The page that the service worker shows without a network: it goes on by itself once there is one again.

addEventListener("online", () => location.reload());
