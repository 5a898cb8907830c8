/** The exchanges as people know them, by the names the protocol has for them. */
export const EXCHANGES = { phonet: "Phonet", uis: "UIS" };
