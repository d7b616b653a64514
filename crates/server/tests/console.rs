//! Pages in a real Chromium, by scenarios in JavaScript: `console/*.mjs`.
//!
//! A test sets its server up and plays a scenario at it; what the scenario finds is the test's failure. On every page
//! of every scenario nothing is asked of another host, nothing is wrong in the console, no policy is violated and
//! nothing is wider than the window: `testdata/browser/browser.mjs`.

mod chromium;
mod doors;
mod logs;
