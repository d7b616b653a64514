// What pages of the console do beyond showing: keys, menus, the brush of the histogram, live events. They work without.
"use strict";

(() => {
  // Menus close when the reader clicks elsewhere, and with Escape.
  const openMenus = () => document.querySelectorAll("details[data-menu][open]");
  document.addEventListener("click", (event) => {
    for (const menu of openMenus()) if (!menu.contains(event.target)) menu.open = false;
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of openMenus()) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });

  // The time zone of the browser, for pages to come.
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && !document.cookie.includes(`trailbook-zone=${encodeURIComponent(zone)}`)) {
    document.cookie = `trailbook-zone=${encodeURIComponent(zone)}; path=/; max-age=31536000; samesite=lax`;
  }
})();
