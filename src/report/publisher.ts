/** What a report puts onto GitHub; src/github does it. */
export interface Publisher {
  /** Appends the section to the notes of a tag's release, or replaces the one of that name. @returns its address. */
  appendNotes(tag: string, name: string, section: string): Promise<string>;
  /** Tells the environment's newest deployment of `ref`, or makes one, how it stands. @returns what was told. */
  deploymentStatus(status: DeploymentStatus): Promise<string>;
}

export interface DeploymentStatus {
  readonly environment: string;
  /** The commit or tag that was deployed. */
  readonly ref: string;
  readonly state: 'success' | 'failure' | 'inactive';
  readonly url: string | undefined;
  readonly log: string | undefined;
  readonly description: string;
}
