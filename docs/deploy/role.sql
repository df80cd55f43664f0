-- As the database's owner, once. The owner's role makes the tables (pgstore.Migrate), the app's
-- role uses them.
CREATE ROLE notes LOGIN PASSWORD 'change-me' CONNECTION LIMIT 60;
REVOKE CONNECT ON DATABASE notes FROM PUBLIC;
GRANT CONNECT ON DATABASE notes TO notes;
CREATE SCHEMA tandem;
-- Then run pgstore.Migrate as the owner, and after each migration:
GRANT USAGE ON SCHEMA tandem TO notes;
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA tandem TO notes;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA tandem TO notes;
