import * as z from 'zod';
import { name } from './fields.js';
import { codec, section, type Complain, type Loose } from './section.js';

/** A role that signs a release off, and who may do so in its name. Without users and teams: whom its environment on GitHub asks. */
export interface SignOffRole {
  readonly role: string;
  readonly users: readonly string[];
  readonly teams: readonly string[];
}

const roleName = () => name('The role: its environment on GitHub is signoff-<role>.', ['all']);

const login = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,38}$/, { error: ({ input }) => `must be a login on GitHub, without @; is \`${String(input)}\`` })
  .meta({ description: 'A login on GitHub.' });

const team = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9-]*\/[a-z0-9][a-z0-9_.-]*$/, { error: ({ input }) => `must be organization/team, the team as in its address; is \`${String(input)}\`` })
  .meta({ description: 'A team of an organization, as its address has it.' });

const whole = section('A role and who may sign for it.', {
  role: roleName(),
  users: z.array(login).prefault([]).meta({ description: 'Logins that may sign for the role.', examples: [['ann', 'bob']] }),
  teams: z.array(team).prefault([]).meta({ description: 'Teams whose members may sign for the role. Asking for members takes the token of a GitHub App.', examples: [['acme/qa']] }),
});

const role = codec<z.ZodUnion<[typeof whole, ReturnType<typeof roleName>]>, SignOffRole>(z.union([whole, roleName()]), {
  decode: (value) => (typeof value === 'string' ? { role: value, users: [], teams: [] } : value),
  encode: ({ role, users, teams }) => ({ role, users: [...users], teams: [...teams] }),
});

const roles = (when: string) => z.array(role).prefault([]).meta({
  description: `Who signs ${when}: each a role, or a role with its users and teams.`,
  examples: [['technical-lead', { role: 'qa-manager', teams: ['acme/qa'] }]],
});

export const signOff = section(
  'Who signs a release off, before it goes to production and after. Each role has an environment signoff-<role> on GitHub, or a box in the go-live issue.',
  {
    before: roles('before production'),
    after: roles('after it has gone live'),
    distinct: z.boolean().prefault(true).meta({ description: 'Nobody may sign for two roles.' }),
    initiator: z.boolean().prefault(false).meta({ description: 'Whether the one who started the run may sign.' }),
    bypass: z.boolean().prefault(false).meta({ description: "Whether an administrator's bypass of the environment counts: as a warning. Otherwise it fails." }),
  },
  { rules: rolesDiffer },
);

export type SignOffConfig = z.output<typeof signOff>;

/** One environment and one box per role, so each stands once. */
function rolesDiffer(value: Loose, complain: Complain): void {
  const seen = new Map<string, string>();
  for (const stage of ['before', 'after']) {
    const list: unknown = value[stage];
    if (!Array.isArray(list)) continue;
    list.forEach((item: unknown, index) => {
      const role = typeof item === 'object' && item !== null && 'role' in item ? item.role : undefined;
      if (typeof role !== 'string') return;
      const place = seen.get(role);
      if (place !== undefined) complain([stage, index], `\`${role}\` stands at ${place} already; each role signs once`);
      else seen.set(role, `${stage}[${index}]`);
    });
  }
}
