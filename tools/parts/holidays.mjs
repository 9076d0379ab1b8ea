// The public holidays of the world.
export { FIRST_YEAR, LAST_YEAR, TABLE } from '../../src/window/holiday-dates.generated.js';
