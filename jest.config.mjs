/** Two projects: `unit` runs anywhere; `hosts` needs Docker (see docs/development.md). */
const common = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: { '^(\\.{1,2}/.*)\\.js$': '$1' },
  transform: {
    '^.+\\.ts$': ['ts-jest', { useESM: true, diagnostics: false, tsconfig: 'tsconfig.json' }],
  },
};

export default {
  // Against hanging alone: beside others on a slow machine a test may take ten times as long as by itself.
  testTimeout: 120_000,
  projects: [
    { ...common, displayName: 'unit', testMatch: ['<rootDir>/test/**/*.test.ts'], testPathIgnorePatterns: ['<rootDir>/test/hosts/', '<rootDir>/test/e2e/', '/node_modules/'] },
    { ...common, displayName: 'hosts', testMatch: ['<rootDir>/test/hosts/**/*.test.ts', '<rootDir>/test/e2e/**/*.test.ts'] },
  ],
};
