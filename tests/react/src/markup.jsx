import { renderToString } from "react-dom/server";

import { Contacts } from "./contacts.jsx";
import { initial, random } from "./model.js";

/** What a server sends of the page. */
export const markup = renderToString(<Contacts state={initial(random(1))} />);
