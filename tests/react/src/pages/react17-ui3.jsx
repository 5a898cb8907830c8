import "../complaints.js";
import * as ReactDOM from "react-dom";
import { Button, Gapped, Input, Link, Modal, SidePage, Tabs, Token } from "react-ui3";

import { legacy } from "../roots.js";
import { start } from "../start.jsx";

start({ ...legacy(ReactDOM), ui: { Button, Gapped, Input, Link, Modal, SidePage, Tabs, Token } });
