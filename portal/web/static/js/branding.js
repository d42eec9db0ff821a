/* The picture of a colour follows what is chosen. Nothing is saved by looking. */
const form = document.querySelector("[data-branding]");
const picture = document.querySelector("[data-branding-picture]");

form?.addEventListener("input", () => {
  const own = form.elements.own.value.trim();
  if (own && !/^#[0-9a-f]{6}$/i.test(own)) return; // half typed
  const query = new URLSearchParams({ accent: own || form.elements.accent.value });
  picture.src = `${form.dataset.branding}?${query}`;
});
