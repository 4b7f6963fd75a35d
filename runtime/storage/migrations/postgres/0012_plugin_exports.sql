-- What a plugin version exports, as a JSON list of names; empty for those uploaded before this was kept.
ALTER TABLE plugins ADD COLUMN exports TEXT NOT NULL DEFAULT '[]';
