// Runs before the first paint, so that a remembered light theme never flashes dark or the reverse.
(function () {
  var scheme = "dark";
  try {
    if (localStorage.getItem("scanhub-color-scheme") === "light") scheme = "light";
  } catch {
    // Storage may be forbidden; dark is the default of a control room.
  }
  document.documentElement.setAttribute("data-mantine-color-scheme", scheme);
})();
