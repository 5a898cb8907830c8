import { Fragment } from "react";

/** `79123456789` as people write it. */
export const spaced = (phone) => `+7 ${phone.slice(1, 4)} ${phone.slice(4, 7)}-${phone.slice(7, 9)}-${phone.slice(9)}`;
const bracketed = (phone) => `8 (${phone.slice(1, 4)}) ${phone.slice(4, 7)}-${phone.slice(7, 9)}-${phone.slice(9)}`;

/**
 * What the test goes by: within this element stand buttons for exactly these numbers, in this order.
 * @param {...string} phones
 */
export const shows = (...phones) => ({ "data-phones": phones.filter(Boolean).join(" ") });

/**
 * The numbers of a row in one of the ways in which React makes texts: whole, of several expressions, in fragments,
 * conditionally, over several elements, in a field.
 */
export function Written({ as: Cell, row }) {
  const [first, second] = row.phones;
  switch (row.way) {
    case 0:
      return <Cell {...shows(first)}>{spaced(first)}</Cell>;
    case 1:
      return (
        <Cell {...shows(first)}>
          {"+7"} {spaced(first).slice(3)}
        </Cell>
      );
    case 2:
      return (
        <Cell {...shows(first)}>
          <a href={`tel:+${first}`}>{spaced(first)}</a>
        </Cell>
      );
    case 3:
      return (
        <Cell {...shows(first)}>
          {row.isMarked && "прямой "}
          {bracketed(first)}
          {row.isMarked && " (рабочий)"}
        </Cell>
      );
    case 4:
      return (
        <Cell {...shows(first, second)}>
          {spaced(first)}, {spaced(second)}
        </Cell>
      );
    case 5:
      return (
        <Cell {...shows(first, row.isMarked && second)}>
          <>
            {bracketed(first)}
            {row.isMarked && (
              <Fragment>
                <br />
                {bracketed(second)}
              </Fragment>
            )}
          </>
        </Cell>
      );
    case 6:
      return (
        <Cell {...shows(first)}>
          <b>+7</b> {first.slice(1, 4)} <i>{first.slice(4, 7)}</i>-{first.slice(7, 9)}-{first.slice(9)}
        </Cell>
      );
    case 7:
      return <Cell {...shows(row.isMarked && first)}>{row.isMarked ? <span>{spaced(first)}</span> : "не указан"}</Cell>;
    default:
      return (
        <Cell {...shows(first)}>
          <input readOnly type="tel" value={spaced(first)} />
        </Cell>
      );
  }
}
