/**
 * The front end of tdplib.widgets.Interleaver, an anywidget module (`export default { render }`).
 *
 * The files beside it are joined to it when the package is imported, into the one module that
 * anywidget asks for.
 */

import { View } from "./view.js";

export default {
  render({ model, el }) {
    const view = new View(model, el);
    return () => view.destroy();
  },
};
