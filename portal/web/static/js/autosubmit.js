/* Sends the page's one form at once; its button does the same for whoever runs no scripts. */
document.querySelector("form[data-autosubmit]")?.requestSubmit();
