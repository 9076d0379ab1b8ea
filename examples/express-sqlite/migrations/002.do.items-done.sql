-- The release before adds items without the column: it may, as there is a default.
ALTER TABLE items ADD COLUMN done INTEGER NOT NULL DEFAULT 0;
