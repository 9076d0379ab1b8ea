import { faultHost } from './fault-host.js';
import { describeFaults } from './faults.js';

/** Without an image of its own, so that each of the many deploys is quick; images are built in compose.test.ts. */
const COMPOSE = `services:
  web:
    image: slipway-test-node:1
    init: true
    restart: unless-stopped
    working_dir: /app
    volumes: ["./:/app:ro"]
    command: [node, server.cjs]
    ports: ["\${PORT}:3000"]
    environment: { PORT: "3000", SLIPWAY_RELEASE: "\${SLIPWAY_RELEASE}" }
`;

describeFaults('compose', () =>
  faultHost('compose', {
    docker: true,
    files: { 'compose.yaml': COMPOSE },
    changes: { 'services.web.start': undefined, 'services.worker.manager': 'systemd' },
  }),
);
