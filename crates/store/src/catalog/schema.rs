//! The catalog's tables, as numbered steps that are applied once each, in order.
//!
//! One text serves both databases; `{blob}` and `{without_rowid}` stand for what they name differently.

/// The steps. A step that was released is never changed: what comes later is a new one.
pub(super) const STEPS: &[&[&str]] = &[
    &[
        "CREATE TABLE organizations (id BIGINT PRIMARY KEY, name TEXT NOT NULL UNIQUE, created_ms BIGINT NOT NULL)",
        // log_id is random and public; id is ours and short.
        "CREATE TABLE logs (
        id BIGINT PRIMARY KEY,
        organization BIGINT NOT NULL REFERENCES organizations (id),
        log_id {blob} NOT NULL UNIQUE,
        state TEXT NOT NULL,
        next_sequence BIGINT NOT NULL,
        last_recorded_ms BIGINT NOT NULL,
        created_ms BIGINT NOT NULL)",
        "CREATE TABLE frames (
        log BIGINT NOT NULL REFERENCES logs (id),
        first_sequence BIGINT NOT NULL,
        events BIGINT NOT NULL,
        recorded_ms BIGINT NOT NULL,
        payload {blob} NOT NULL,
        PRIMARY KEY (log, first_sequence))",
        "CREATE TABLE idempotency (
        organization BIGINT NOT NULL,
        credential BIGINT NOT NULL,
        key {blob} NOT NULL,
        fingerprint {blob} NOT NULL,
        answer {blob} NOT NULL,
        recorded_ms BIGINT NOT NULL,
        PRIMARY KEY (organization, credential, key)) {without_rowid}",
        "CREATE INDEX idempotency_by_time ON idempotency (recorded_ms)",
        // restrictions is JSON or null: null means that the scopes alone count.
        "CREATE TABLE credentials (
        id BIGINT PRIMARY KEY,
        organization BIGINT NOT NULL REFERENCES organizations (id),
        name TEXT NOT NULL,
        token_hash {blob},
        scopes TEXT NOT NULL,
        restrictions TEXT,
        origin TEXT NOT NULL,
        created_ms BIGINT NOT NULL,
        revoked_ms BIGINT)",
        "CREATE TABLE counters (name TEXT PRIMARY KEY, value BIGINT NOT NULL)",
        "INSERT INTO counters (name, value) VALUES ('credentials_version', 1)",
    ],
    &[
        // Events below `flushed` are in segments, the others in frames.
        "ALTER TABLE logs ADD COLUMN flushed BIGINT NOT NULL DEFAULT 0",
        // removed_ms: no longer in use since then; the files go when no query can need them. days 0: of many days.
        "CREATE TABLE segments (
        id BIGINT PRIMARY KEY,
        first_day BIGINT NOT NULL,
        days BIGINT NOT NULL,
        rows_bytes BIGINT NOT NULL,
        rows_crc BIGINT NOT NULL,
        index_bytes BIGINT NOT NULL,
        index_crc BIGINT NOT NULL,
        created_ms BIGINT NOT NULL,
        removed_ms BIGINT)",
        "CREATE TABLE segment_parts (
        segment BIGINT NOT NULL REFERENCES segments (id),
        number BIGINT NOT NULL,
        log BIGINT NOT NULL REFERENCES logs (id),
        row_count BIGINT NOT NULL,
        occurred_min_ns BIGINT NOT NULL,
        occurred_max_ns BIGINT NOT NULL,
        recorded_min_ms BIGINT NOT NULL,
        recorded_max_ms BIGINT NOT NULL,
        first_sequence BIGINT NOT NULL,
        last_sequence BIGINT NOT NULL,
        content BIGINT NOT NULL,
        PRIMARY KEY (segment, number)) {without_rowid}",
    ],
    // One row: what the folder of its segments knows the catalog by.
    &["CREATE TABLE catalog_name (id BIGINT PRIMARY KEY, name TEXT NOT NULL)"],
    &[
        // origin is empty until the log has its keys; keys are sealed, in base64. size: entries under the checkpoint.
        "ALTER TABLE logs ADD COLUMN origin TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE logs ADD COLUMN keys TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE logs ADD COLUMN vkey TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE logs ADD COLUMN clock_vkey TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE logs ADD COLUMN size BIGINT NOT NULL DEFAULT 0",
        "ALTER TABLE logs ADD COLUMN checkpoint TEXT NOT NULL DEFAULT ''",
        "ALTER TABLE logs ADD COLUMN is_public BIGINT NOT NULL DEFAULT 0",
        // A frozen log grows no more. previous: the log that came before; lost: a checkpoint that it cannot reach.
        "ALTER TABLE logs ADD COLUMN frozen_ms BIGINT",
        "ALTER TABLE logs ADD COLUMN previous BIGINT",
        "ALTER TABLE logs ADD COLUMN lost TEXT NOT NULL DEFAULT ''",
        // The hashes of 256 entries; root is empty as long as there are fewer. Those in a pack are not here. The root
        // comes first, so that SQLite finds it without reading the hashes.
        "CREATE TABLE log_entries (
        log BIGINT NOT NULL REFERENCES logs (id),
        bundle BIGINT NOT NULL,
        root {blob} NOT NULL,
        hashes {blob} NOT NULL,
        PRIMARY KEY (log, bundle))",
        "CREATE TABLE log_packs (
        log BIGINT NOT NULL REFERENCES logs (id),
        pack BIGINT NOT NULL,
        root {blob} NOT NULL,
        PRIMARY KEY (log, pack))",
        // The last cosignature of each witness: a signature line over the checkpoint of this size.
        "CREATE TABLE cosignatures (
        log BIGINT NOT NULL REFERENCES logs (id),
        witness TEXT NOT NULL,
        size BIGINT NOT NULL,
        line TEXT NOT NULL,
        PRIMARY KEY (log, witness))",
    ],
    &[
        // A random UUID, by which other systems name the organization.
        "ALTER TABLE organizations ADD COLUMN uuid TEXT NOT NULL DEFAULT ''",
        // Random keys of the server's own, each made when it is first asked for.
        "CREATE TABLE secrets (name TEXT PRIMARY KEY, value {blob} NOT NULL)",
        // request, progress and result are the server's own JSON. expires_ms is null until the files are whole.
        "CREATE TABLE exports (
        id TEXT PRIMARY KEY,
        organization BIGINT NOT NULL REFERENCES organizations (id),
        credential BIGINT NOT NULL,
        name TEXT NOT NULL,
        state TEXT NOT NULL,
        request TEXT NOT NULL,
        progress TEXT NOT NULL,
        result TEXT NOT NULL,
        created_ms BIGINT NOT NULL,
        finished_ms BIGINT,
        expires_ms BIGINT)",
    ],
    &[
        // Who acts: a token of its own, a member through a session, a member's token, or an issuer's.
        "ALTER TABLE credentials ADD COLUMN kind TEXT NOT NULL DEFAULT 'token'",
        "ALTER TABLE credentials ADD COLUMN uuid TEXT NOT NULL DEFAULT ''",
        // Whose, where it is a member's.
        "ALTER TABLE credentials ADD COLUMN member BIGINT",
        "ALTER TABLE credentials ADD COLUMN expires_ms BIGINT",
        "ALTER TABLE credentials ADD COLUMN used_ms BIGINT",
        // actors is a JSON list of the ids by which events name the member. removed_ms takes the e-mail address free.
        "CREATE TABLE members (
        id BIGINT PRIMARY KEY,
        uuid TEXT NOT NULL UNIQUE,
        organization BIGINT NOT NULL REFERENCES organizations (id),
        credential BIGINT NOT NULL,
        email TEXT NOT NULL,
        name TEXT NOT NULL,
        actors TEXT NOT NULL,
        password TEXT,
        issuer TEXT,
        subject TEXT,
        is_suspended BIGINT NOT NULL,
        created_ms BIGINT NOT NULL,
        signed_in_ms BIGINT,
        removed_ms BIGINT)",
        "CREATE UNIQUE INDEX members_by_email ON members (organization, email) WHERE removed_ms IS NULL",
        "CREATE TABLE member_groups (
        id BIGINT PRIMARY KEY,
        organization BIGINT NOT NULL REFERENCES organizations (id),
        handle TEXT NOT NULL,
        name TEXT NOT NULL,
        description TEXT NOT NULL,
        created_ms BIGINT NOT NULL,
        UNIQUE (organization, handle))",
        // permissions and narrowing are JSON; a built-in role has its permissions from the code.
        "CREATE TABLE roles (
        id BIGINT PRIMARY KEY,
        organization BIGINT NOT NULL REFERENCES organizations (id),
        handle TEXT NOT NULL,
        name TEXT NOT NULL,
        description TEXT NOT NULL,
        permissions TEXT NOT NULL,
        narrowing TEXT,
        is_built_in BIGINT NOT NULL,
        created_ms BIGINT NOT NULL,
        UNIQUE (organization, handle))",
        // is_provided says that the provider of the sign-in put the member there, and may take it away again.
        "CREATE TABLE group_members (
        member_group BIGINT NOT NULL,
        member BIGINT NOT NULL,
        is_provided BIGINT NOT NULL,
        PRIMARY KEY (member_group, member)) {without_rowid}",
        "CREATE TABLE member_roles (
        member BIGINT NOT NULL,
        role BIGINT NOT NULL,
        PRIMARY KEY (member, role)) {without_rowid}",
        "CREATE TABLE group_roles (
        member_group BIGINT NOT NULL,
        role BIGINT NOT NULL,
        PRIMARY KEY (member_group, role)) {without_rowid}",
        // email is null where the link is for whoever has it. roles and member_groups are JSON lists of handles.
        "CREATE TABLE invitations (
        id TEXT PRIMARY KEY,
        organization BIGINT NOT NULL REFERENCES organizations (id),
        kind TEXT NOT NULL,
        token_hash {blob} NOT NULL UNIQUE,
        email TEXT,
        member BIGINT,
        roles TEXT NOT NULL,
        member_groups TEXT NOT NULL,
        invited_by TEXT NOT NULL,
        mail TEXT,
        created_ms BIGINT NOT NULL,
        expires_ms BIGINT NOT NULL,
        accepted_ms BIGINT,
        revoked_ms BIGINT)",
        "CREATE TABLE sessions (
        id TEXT PRIMARY KEY,
        token_hash {blob} NOT NULL UNIQUE,
        member BIGINT NOT NULL,
        method TEXT NOT NULL,
        address TEXT NOT NULL,
        user_agent TEXT NOT NULL,
        created_ms BIGINT NOT NULL,
        seen_ms BIGINT NOT NULL,
        expires_ms BIGINT NOT NULL)",
        "CREATE INDEX sessions_by_member ON sessions (member)",
        // What commands did, until a server has recorded it.
        "CREATE TABLE operator_deeds (
        id BIGINT PRIMARY KEY,
        organization BIGINT NOT NULL REFERENCES organizations (id),
        action TEXT NOT NULL,
        action_type TEXT NOT NULL,
        target_type TEXT NOT NULL,
        target TEXT NOT NULL,
        message TEXT NOT NULL,
        noted_ms BIGINT NOT NULL)",
    ],
    &[
        // actors and events are JSON lists of patterns; an empty one is for all.
        "CREATE TABLE exclusion_rules (
        id BIGINT PRIMARY KEY,
        uuid TEXT NOT NULL UNIQUE,
        organization BIGINT NOT NULL REFERENCES organizations (id),
        name TEXT NOT NULL,
        actors TEXT NOT NULL,
        events TEXT NOT NULL,
        created_ms BIGINT NOT NULL,
        UNIQUE (organization, name))",
        // An organization without a row has the defaults.
        "CREATE TABLE organization_settings (
        organization BIGINT PRIMARY KEY REFERENCES organizations (id),
        default_range TEXT NOT NULL)",
        "CREATE TABLE views (
        id BIGINT PRIMARY KEY,
        uuid TEXT NOT NULL UNIQUE,
        organization BIGINT NOT NULL REFERENCES organizations (id),
        member BIGINT NOT NULL,
        name TEXT NOT NULL,
        query TEXT NOT NULL,
        is_shared BIGINT NOT NULL,
        created_ms BIGINT NOT NULL)",
        "CREATE INDEX views_by_organization ON views (organization)",
    ],
];

/// Where the number of applied steps is kept. Made before the steps.
pub(super) const VERSION_TABLE: &str =
    "CREATE TABLE IF NOT EXISTS schema_version (id BIGINT PRIMARY KEY, version BIGINT NOT NULL)";
