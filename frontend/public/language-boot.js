// Runs before the modules of the page: they say their texts as they load, so those of the language
// have to be there. English stands in the code and needs none.
(function () {
  var languages = ["en", "de"];
  var language = (navigator.language || "en").split("-")[0];
  try {
    language = localStorage.getItem("scanhub-language") || language;
  } catch {
    // Storage may be forbidden; then it is the browser's own language.
  }
  if (languages.indexOf(language) < 1) return;
  document.documentElement.lang = language;
  // Written, so that the page waits for it; a script that is added to the page would come too late.
  document.write('<script src="/texts/' + language + '.js"></script>');
})();
