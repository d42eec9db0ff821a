// The page that the service worker shows without a network: it goes on by itself once there is one again. A browser may say so a
// moment before it is true, or the server was what did not answer: then it tries again now and then.

const reload = () => location.reload();

addEventListener("online", reload);
if (navigator.onLine) setTimeout(reload, 4_000 + 4_000 * Math.random());
