// What understands the words of the command line.
export { Command, Option } from 'commander';
