/*
 * Dialogs and forms that think twice.
 *
 *   <button data-dialog="id">            opens <dialog id="id">; browsers that know commandfor open it without this file
 *   <button data-dialog-close>           closes the dialog it is in
 *   <input data-must-equal="Acme Clinic"> keeps its form's submit button closed until the words match
 *   <form data-once>                     a second click does not send twice
 *   <select data-submits>, <input …>     sends its form on change (filters: GET only)
 */
document.documentElement.classList.add("scripted");

for (const opener of document.querySelectorAll("[data-dialog]")) {
  const dialog = document.getElementById(opener.dataset.dialog);
  if (!dialog) continue;
  opener.setAttribute("aria-haspopup", "dialog");
  opener.addEventListener("click", (event) => {
    event.preventDefault();
    dialog.showModal();
  });
  dialog.addEventListener("close", () => opener.focus());
}

for (const dialog of document.querySelectorAll("dialog")) {
  dialog.addEventListener("click", (event) => {
    if (event.target === dialog || event.target.closest("[data-dialog-close]")) dialog.close();
  });
  // A form that came back with an error shows itself again.
  if (dialog.querySelector("[data-invalid], .field-error")) dialog.showModal();
}

// A phone's keyboard writes ’ where a desk's writes ', and capitals come by themselves.
const folded = (text) => text.trim().replace(/[’‘]/g, "'").toLowerCase();

for (const input of document.querySelectorAll("[data-must-equal]")) {
  const submit = input.form?.querySelector("[type=submit]");
  const check = () => { if (submit) submit.disabled = folded(input.value) !== folded(input.dataset.mustEqual); };
  input.addEventListener("input", check);
  check();
}

for (const form of document.querySelectorAll("form[data-once]")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) return event.preventDefault();
    form.dataset.sent = "yes";
    (event.submitter ?? form.querySelector("[type=submit]"))?.setAttribute("aria-busy", "true");
  });
}
// Coming back by the back button finds forms that can be sent again.
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    form.querySelector("[aria-busy]")?.removeAttribute("aria-busy");
  }
});

for (const control of document.querySelectorAll("[data-submits]")) {
  control.addEventListener("change", () => control.form?.requestSubmit());
}

for (const toast of document.querySelectorAll(".toast")) {
  const away = () => toast.remove();
  toast.querySelector("[data-toast-close]")?.addEventListener("click", away);
  // Errors stay until they are read; the others leave, but not under the reader's pointer or focus.
  if (!toast.classList.contains("error")) {
    setTimeout(function leave() {
      if (toast.matches(":hover, :focus-within")) setTimeout(leave, 4000);
      else away();
    }, 8000);
  }
}
