// As its README sets it up. Its build lets nobody name the country that the page's numbers are of, so that is set behind
// its back.
const clickToDial = new RingCentralC2D();
clickToDial.observer._props.matcher._props.countryCode = "RU";
