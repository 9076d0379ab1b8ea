/** What the clock on the wall shows at a moment. */
export interface LocalTime {
  /** `2026-11-21`. */
  readonly date: string;
  /** 1 (Monday) to 7 (Sunday). */
  readonly day: number;
  /** Since midnight, by the clock: at 03:30 this is 210 also on a day of 23 hours. */
  readonly minutes: number;
}

/** The clock of a time zone: takes epoch milliseconds. Offsets and changes to summer time are those Node knows of (Intl). */
export function clockOf(timezone: string): (at: number) => LocalTime {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: timezone, calendar: 'gregory', numberingSystem: 'latn', hourCycle: 'h23', year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit',
  });
  return (at) => {
    const parts = Object.fromEntries(format.formatToParts(at).map(({ type, value }) => [type, value]));
    const date = `${parts['year'] ?? ''}-${parts['month'] ?? ''}-${parts['day'] ?? ''}`;
    return { date, day: weekday(date), minutes: Number(parts['hour']) * 60 + Number(parts['minute']) };
  };
}

/** The day of the week of a date, 1 (Monday) to 7 (Sunday). */
export function weekday(date: string): number {
  return new Date(`${date}T00:00:00Z`).getUTCDay() || 7;
}

/** The date so many days later. */
export function addDays(date: string, days: number): string {
  return new Date(Date.parse(`${date}T00:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10);
}
