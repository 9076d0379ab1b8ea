import { UserError } from '../evidence/errors.js';

/** A value that cannot be read. Its message continues a sentence about the place: `must be …, is …`. */
export class ValueError extends UserError {
  constructor(message: string) {
    super(message);
    this.name = 'ValueError';
  }
}
