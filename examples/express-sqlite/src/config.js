import { existsSync, realpathSync } from 'node:fs';
import { basename } from 'node:path';

// Deployed, the environment file lies beside the release; what the process was given wins over it.
if (existsSync('.env')) {
  process.loadEnvFile('.env');
}

/** Passwords that must never log in, whatever the environment says. */
const DEFAULT_PASSWORDS = ['admin', 'password', 'changeme', 'change-me', '123456'];

function required(name) {
  const value = process.env[name];
  if (value === undefined || value === '') {
    throw new Error(`The environment variable ${name} is missing.`);
  }
  return value;
}

function adminPassword() {
  const password = required('ADMIN_PASSWORD');
  if (DEFAULT_PASSWORDS.includes(password.toLowerCase())) {
    throw new Error('ADMIN_PASSWORD is a default password; choose another one.');
  }
  return password;
}

export const config = {
  port: Number(process.env.PORT ?? 3001),
  address: process.env.ADDRESS ?? '127.0.0.1',
  /** Names the release that runs: given, or the folder the `current` link leads to. */
  release: process.env.SLIPWAY_RELEASE ?? basename(realpathSync(process.cwd())),
  databaseFolder: process.env.DATABASE_FOLDER ?? 'database',
  uploadFolder: process.env.UPLOAD_FOLDER ?? 'uploads',
  tokenSecret: required('JWT_SECRET'),
  adminEmail: process.env.ADMIN_EMAIL ?? 'admin@example.com',
  adminPassword: adminPassword(),
};
