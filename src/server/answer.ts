/** How a step stands. `armed`: changed, and taken back by the host itself unless it is confirmed. */
export type StepState = 'ok' | 'differs' | 'changed' | 'armed' | 'refused' | 'failed' | 'confirmed' | 'undone';

/** What the host said of one step. */
export interface StepAnswer {
  readonly id: string;
  readonly state: StepState;
  /** Milliseconds. */
  readonly duration: number;
  readonly observed: string;
  /** How it differed, as lines of a diff. */
  readonly diff: readonly string[];
}

/** Reads what `host/scripts/server.sh` says, line by line as it comes. */
export class StepReader {
  readonly answers: StepAnswer[] = [];
  #diff: string[] = [];

  /**
   * @param onAnswer learns each step as soon as it is through.
   * @param onLine learns what a step says while it works.
   */
  constructor(private readonly onAnswer: (answer: StepAnswer) => void, private readonly onLine: (text: string) => void) {}

  readonly take = (line: string): void => {
    const [word, ...fields] = line.split('\t');
    if (word === 'diff') this.#diff.push(fields.join('\t'));
    else if (word === 'line') this.onLine(fields.join('\t'));
    else if (word === 'step') {
      const [id = '', state = '', duration = '', ...observed] = fields;
      const answer = { id, state: state as StepState, duration: Number(duration), observed: observed.join(' '), diff: this.#diff };
      this.#diff = [];
      this.answers.push(answer);
      this.onAnswer(answer);
    }
  };
}
