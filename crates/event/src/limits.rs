//! Every limit of Trailbook, in one table. Each is tested at n and at n + 1.
//!
//! Sizes are bytes, lengths are Unicode scalar values, unless the name says otherwise.

/// One event as the client sent it, in bytes of JSON.
pub const EVENT_BYTES_MAX: usize = 256 * 1024;
/// The canonical bytes of one event: numbers written out and marks of redaction make them longer than what was sent.
pub const CANONICAL_BYTES_MAX: usize = 512 * 1024;
/// Events in one write.
pub const BATCH_EVENTS_MAX: usize = 5_000;
/// The body of one write, both as it arrives and after decompression.
pub const BATCH_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Objects and arrays inside each other in `meta` and in `changes.before` and `changes.after`, the outermost counted.
pub const META_DEPTH_MAX: usize = 16;
/// Objects and arrays inside each other in any JSON that is read: an array of events, an event, `changes`, a value.
pub const JSON_DEPTH_MAX: usize = META_DEPTH_MAX + 3;
/// The length of a key in `meta` and `changes`.
pub const KEY_CHARS_MAX: usize = 128;
/// Targets of one event.
pub const TARGETS_MAX: usize = 32;
/// Parties that an actor acts for.
pub const ON_BEHALF_OF_MAX: usize = 32;
/// Groups of one actor.
pub const GROUPS_MAX: usize = 1_000;
/// Errors that one refused write names; the count of all is given beside them.
pub const REPORTED_ERRORS_MAX: usize = 100;
/// An `Idempotency-Key` header, in bytes.
pub const IDEMPOTENCY_KEY_BYTES_MAX: usize = 255;

/// A token, in bytes; its least length is [`TOKEN_CHARS_MIN`].
pub const TOKEN_BYTES_MAX: usize = 1_024;
/// The least length of a token, as in Backstage.
pub const TOKEN_CHARS_MIN: usize = 8;
/// The name of a token, an organization, a rule or a saved view.
pub const NAME_CHARS_MAX: usize = 128;

/// Personal access tokens of one member.
pub const TOKENS_OF_MEMBER_MAX: u64 = 100;
/// Sessions of one member; one more ends the oldest.
pub const SESSIONS_OF_MEMBER_MAX: u64 = 50;
/// Members of one organization.
pub const MEMBERS_OF_ORGANIZATION_MAX: u64 = 10_000;
/// Groups of one organization.
pub const GROUPS_OF_ORGANIZATION_MAX: u64 = 1_000;
/// Roles of one organization, the built-in ones counted.
pub const ROLES_OF_ORGANIZATION_MAX: u64 = 200;
/// Invitations of one organization that can still be accepted.
pub const INVITATIONS_OPEN_MAX: u64 = 1_000;
/// E-mail addresses that one request invites.
pub const INVITED_AT_ONCE_MAX: usize = 100;
/// Ids by which events name one member, beside the e-mail address.
pub const ACTORS_OF_MEMBER_MAX: usize = 32;
/// An e-mail address, in bytes.
pub const EMAIL_BYTES_MAX: usize = 254;
/// The name of a member, a group or a role.
pub const PERSON_NAME_CHARS_MAX: usize = 200;
/// The handle of a group or a role.
pub const HANDLE_CHARS_MAX: usize = 64;
/// The description of a group or a role.
pub const DESCRIPTION_CHARS_MAX: usize = 1_000;
/// The body of a request about members, groups, roles, invitations, tokens, sessions, rules, settings or views, in
/// bytes.
pub const MEMBERS_BODY_BYTES_MAX: usize = 64 * 1024;
/// Members, groups, roles or invitations on one page of the console's lists.
pub const PEOPLE_ON_PAGE_MAX: usize = 100;
/// Days that a personal access token holds, at most.
pub const TOKEN_DAYS_MAX: i64 = 366;

/// Entries of each list in the configuration: exclusion rules, redaction rules, external access, webhooks, proxies.
pub const RULES_MAX: usize = 256;
/// Exclusion rules that one organization has, beside those of the configuration.
pub const RULES_OF_ORGANIZATION_MAX: u64 = 64;
/// Patterns of one exclusion rule of an organization, of actors and of events together.
pub const PATTERNS_OF_RULE_MAX: usize = 32;
/// Saved views of one member, those counted that are shared.
pub const VIEWS_OF_MEMBER_MAX: u64 = 100;
/// Saved views that are shared with one organization.
pub const VIEWS_SHARED_MAX: u64 = 100;
/// The query of a saved view, in bytes.
pub const VIEW_QUERY_BYTES_MAX: usize = 8 * 1024;
/// A pattern of an exclusion or redaction rule, in bytes.
pub const PATTERN_BYTES_MAX: usize = 1_024;
/// The compiled form of a redaction pattern, in bytes.
pub const PATTERN_COMPILED_BYTES_MAX: usize = 1024 * 1024;

/// The secret in a webhook's URL, in bytes.
pub const WEBHOOK_SECRET_BYTES_MIN: usize = 16;
/// Seconds by which the time of a webhook's signature may differ from the server's clock.
pub const WEBHOOK_SECONDS_MAX: u64 = 300;

/// The request line's path and query, in bytes.
pub const URL_BYTES_MAX: usize = 16 * 1024;
/// Days that the page of logs shows at once.
pub const VIEW_DAYS_MAX: i64 = 30;
/// Days that one export takes which is ordered on a page.
pub const CONSOLE_EXPORT_DAYS_MAX: i64 = 365;
/// Paths of changes, and pieces of meta, that a page shows of one event; its JSON has them all.
pub const DIFF_PATHS_MAX: usize = 1_000;
/// Pages that are given new events as they are recorded, at the same time.
pub const LIVE_PAGES_MAX: usize = 100;
/// Seconds for which a page is given new events before it asks again.
pub const LIVE_SECONDS_MAX: i64 = 60 * 60;
/// Conditions of one query; words and phrases count too.
pub const CONDITIONS_MAX: usize = 32;
/// Values of one condition.
pub const CONDITION_VALUES_MAX: usize = 100;
/// Filters that one reader is narrowed to, of which each has as many conditions as a query.
pub const NARROWINGS_MAX: usize = 32;
/// Fields that are hidden from one reader.
pub const HIDDEN_FIELDS_MAX: usize = 64;
/// A search as one text, in bytes.
pub const TEXT_BYTES_MAX: usize = 4_096;
/// Events on one page of the native API.
pub const PAGE_EVENTS_MAX: u64 = 1_000;
/// Events on one page of the Portal's API.
pub const PORTAL_PAGE_EVENTS_MAX: u64 = 1_000;
/// Records in one answer of Port's API, and as many as it gives unless fewer are asked for.
pub const PORT_PAGE_EVENTS_MAX: u64 = 10_000;
/// One answer of Port's API, in bytes; what would be longer is refused.
pub const PORT_PAGE_BYTES_MAX: usize = 64 * 1024 * 1024;
/// The body of a request of Port's API, in bytes.
pub const PORT_BODY_BYTES_MAX: usize = 1024 * 1024;
/// Seconds that an access token of Port's API is valid.
pub const PORT_TOKEN_SECONDS_MAX: i64 = 3 * 60 * 60;
/// Requests of one organization to Port's API in [`PORT_WINDOW_SECONDS`]; one more is answered 429.
pub const PORT_REQUESTS_MAX: u32 = 1_000;
/// Seconds after which requests to Port's API are counted anew.
pub const PORT_WINDOW_SECONDS: i64 = 60;
/// Seconds between from and to of a request of Port's API that asks for deleted entities.
pub const PORT_DELETED_SECONDS_MAX: i64 = 24 * 60 * 60;
/// Records in one answer of WSO2's API.
pub const WSO2_PAGE_EVENTS_MAX: u64 = 1_000;
/// The body of a request of WSO2's API, in bytes.
pub const WSO2_BODY_BYTES_MAX: usize = 64 * 1024;
/// Events that one query holds at once while it orders them by sequence, and thus those of its page.
pub const ORDERED_EVENTS_MAX: usize = 16_384;
/// Memory of one query for sets of rows of segments that it may come back to, in bytes.
pub const SELECTIONS_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Segments of which one query keeps rows at once that it reads.
pub const SEGMENTS_READ_MAX: usize = 64;
/// Memory of one scan for dictionaries, in bytes, from which on those of no further segment are loaded.
pub const SCAN_DICTIONARIES_BYTES_MAX: u64 = 128 * 1024 * 1024;

/// Distinct values that one facet counts.
pub const FACET_VALUES_MAX: usize = 100_000;
/// Steps of one histogram.
pub const HISTOGRAM_STEPS_MAX: usize = 10_000;

/// Connections at once; one more waits to be accepted.
pub const CONNECTIONS_MAX: usize = 1_024;
/// Seconds that a TLS handshake may take; less than a stop waits.
pub const HANDSHAKE_SECONDS_MAX: u64 = 10;
/// Seconds that a client may take to send a request's head.
pub const HEAD_SECONDS_MAX: u64 = 30;
/// Seconds that a client may take to send a request's body.
pub const BODY_SECONDS_MAX: u64 = 60;
/// What is read, and thrown away, of a body after its request was answered, in bytes.
pub const REST_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Seconds that this may take.
pub const REST_SECONDS_MAX: u64 = 5;
/// Memory for the bodies of all requests in work, in KiB; a request that does not fit is answered 503.
pub const BODIES_KIB_MAX: u32 = 256 * 1024;
/// The window of a zstd body, as a power of two: what its decoder may take.
pub const ZSTD_WINDOW_LOG_MAX: u32 = 23;
/// Queries that run at once; one more waits.
pub const QUERIES_RUNNING_MAX: usize = 4;
/// Seconds that a query may take.
pub const QUERY_SECONDS_MAX: u64 = 30;
/// Seconds that a graceful stop waits for requests in work.
pub const DRAIN_SECONDS_MAX: u64 = 20;

/// Writes that wait for the journal's writer; one more is answered 503.
pub const APPENDS_WAITING_MAX: usize = 1_024;
/// Bytes of canonical events that wait for the journal's writer, in KiB; more is answered 503.
pub const APPENDS_WAITING_KIB_MAX: u32 = 64 * 1024;
/// Events that one commit gathers before it starts; a single write may have fewer, never more.
pub const COMMIT_EVENTS_MAX: usize = 10_000;
/// The text of one frame after decompression, in bytes: what a commit gathers, with room for numbers written out.
pub const FRAME_TEXT_BYTES_MAX: usize = 512 * 1024 * 1024;
/// Text of the frames that are read from the journal at once, in bytes; a single frame may have more.
pub const JOURNAL_READ_BYTES_MAX: u64 = 32 * 1024 * 1024;
/// Events of one small segment in memory; a single frame may bring more.
pub const CHUNK_EVENTS_MAX: usize = 8_192;
/// Bytes in frames from which on they become a small segment, whatever the number of their events.
pub const CHUNK_BYTES_MIN: u64 = 16 * 1024 * 1024;
/// Events in memory from which on they are moved to disk.
pub const FLUSH_EVENTS_MIN: u64 = 200_000;
/// Bytes in memory from which on events are moved to disk.
pub const FLUSH_BYTES_MIN: u64 = 64 * 1024 * 1024;
/// Seconds after which events are moved to disk, however few they are.
pub const FLUSH_SECONDS_MAX: u64 = 300;
/// Days that get a segment of their own in one flush; the rest share one.
pub const FLUSH_WINDOWS_MAX: usize = 16;
/// Events in memory; above, writes wait for room.
pub const RECENT_EVENTS_MAX: u64 = 4 * FLUSH_EVENTS_MIN;
/// Bytes in memory of events that no segment on disk holds yet; above, writes wait for room.
pub const RECENT_BYTES_MAX: u64 = 4 * FLUSH_BYTES_MIN;
/// Seconds that a write waits for room in memory; then it is answered 503.
pub const ROOM_SECONDS_MAX: u64 = 5;
/// Seconds after which the checkpoint of a log is signed again with the time, if nothing was recorded meanwhile.
pub const SILENCE_SECONDS_MAX: u64 = 60;
/// The file of the last checkpoints of all logs, in bytes, as it is read: about 100,000 of them.
pub const CHECKPOINTS_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Exports that are under way at once; one more is answered 503.
pub const EXPORTS_RUNNING_MAX: usize = 2;
/// Events of one row group of a Parquet file.
pub const PARQUET_GROUP_EVENTS_MAX: usize = 32_768;
/// Bytes of text from which on a row group of a Parquet file is written, however few events it has.
pub const PARQUET_GROUP_BYTES_MIN: usize = 32 * 1024 * 1024;
/// Exports that are made at once as files; the others wait for their turn.
pub const EXPORT_JOBS_RUNNING_MAX: usize = 2;
/// Exports of an organization that wait or are being made; one more is answered 429.
pub const EXPORT_JOBS_OPEN_MAX: u64 = 20;
/// Exports of an organization that are listed; one more is answered 429.
pub const EXPORT_JOBS_MAX: u64 = 1_000;
/// The name of an export.
pub const EXPORT_NAME_CHARS_MAX: usize = 255;
/// The body of a request for an export, in bytes.
pub const EXPORT_BODY_BYTES_MAX: usize = 64 * 1024;
/// Days that an export of the Spectra Assure dialect may reach over.
pub const SPECTRA_EXPORT_DAYS_MAX: i64 = 365;
/// Seconds that a request for a proof waits for the checkpoint over its event.
pub const PROOF_SECONDS_MAX: u64 = 5;
/// Witnesses of a server.
pub const WITNESSES_MAX: usize = 16;
/// Rows of one segment.
pub const SEGMENT_ROWS_MAX: u32 = 1024 * 1024;
/// Bytes of the files of segments that are merged into one.
pub const SEGMENT_BYTES_MAX: u64 = 1024 * 1024 * 1024;
/// Rows of an organization in a window from which on it gets a segment of its own.
pub const SEGMENT_OWN_ROWS_MIN: u64 = 256 * 1024;
/// Segments whose two files are open; above, that one is closed which was not used for longest.
pub const SEGMENTS_OPEN_MAX: usize = 256;
/// Memory for pages of segment files, in bytes.
pub const PAGE_CACHE_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Seconds that a segment's files stay after it was replaced: twice as long as any query may take.
pub const REMOVED_SECONDS_MIN: u64 = 2 * QUERY_SECONDS_MAX;
/// Free space on the disk below which new events are refused, in percent of the disk …
pub const DISK_RESERVE_PERCENT: u64 = 5;
/// … and in bytes, whichever is more.
pub const DISK_RESERVE_BYTES_MIN: u64 = 512 * 1024 * 1024;
/// Rows that one statement looks up or inserts.
pub const ROWS_PER_STATEMENT_MAX: usize = 500;

/// The least length of a password.
pub const PASSWORD_CHARS_MIN: usize = 12;
/// The length of a password.
pub const PASSWORD_CHARS_MAX: usize = 128;
/// Characters of one piece of a password that is judged to be easy to guess or not.
pub const PASSWORD_JUDGED_CHARS_MAX: usize = 20;
/// Words about a person that a password is compared with.
pub const PASSWORD_WORDS_MAX: usize = 32;
/// The length of such a word; of a longer one its beginning is taken.
pub const PASSWORD_WORD_CHARS_MAX: usize = 64;
/// The least length of a password without the words about a person that are in it.
pub const PASSWORD_OWN_CHARS_MIN: usize = 6;
/// Passwords that are hashed at once; one more waits.
pub const PASSWORDS_HASHED_MAX: usize = 2;
/// Passwords that are hashed or wait for it; one more is answered 503.
pub const PASSWORDS_WAITING_MAX: usize = 64;
/// Memory that a stored hash of a password may ask for, in KiB.
pub const PASSWORD_MEMORY_KIB_MAX: u32 = 256 * 1024;
/// Passes that a stored hash of a password may ask for.
pub const PASSWORD_PASSES_MAX: u32 = 16;
/// Failed sign-ins of one browser or address at one account before there is a wait.
pub const SIGN_IN_FAILURES_MAX: u32 = 5;
/// Failed sign-ins at one account, from all addresses, before strangers to it wait.
pub const SIGN_IN_ACCOUNT_FAILURES_MAX: u32 = 20;
/// Failed sign-ins from one address, at all accounts, before strangers from there wait.
pub const SIGN_IN_ADDRESS_FAILURES_MAX: u32 = 50;
/// The longest wait of one browser or address at one account, in seconds; also after how long one failure is
/// forgotten.
pub const SIGN_IN_WAIT_SECONDS_MAX: u32 = 15 * 60;
/// The same for all strangers to an account, or all from an address, together.
pub const SIGN_IN_SHARED_SECONDS_MAX: u32 = 60;
/// Counts of failed sign-ins in memory, of each of the four kinds.
pub const SIGN_IN_COUNTS_MAX: usize = 65_536;
/// Days for which a browser that signed in is known.
pub const DEVICE_DAYS_MAX: i64 = 90;
/// Addresses of callers and proxies that are read from the headers of one request, the nearest first.
pub const FORWARDED_HOPS_MAX: usize = 32;
/// Seconds after which the requests of a credential are counted anew.
pub const REQUESTS_WINDOW_SECONDS: i64 = 60;
/// The name of an organization or a person in a mail; more is cut off.
pub const MAIL_NAME_CHARS_MAX: usize = 64;
/// Seconds that one try to hand over a mail may take.
pub const MAIL_SECONDS_MAX: i64 = 60;
/// How often a mail is handed over that the mail server does not take for now.
pub const MAIL_TRIES_MAX: u32 = 3;
/// What a mail server said, in the error that repeats it; more is cut off.
pub const MAIL_REPLY_CHARS_MAX: usize = 300;
/// A JWT, in bytes: an ID token, or one in a header.
pub const JWT_BYTES_MAX: usize = 64 * 1024;
/// The subject of a JWT, in bytes, as OpenID Connect has it.
pub const JWT_SUBJECT_BYTES_MAX: usize = 255;
/// Seconds by which the clock of an issuer may differ from the server's.
pub const JWT_SKEW_SECONDS_MAX: i64 = 60;
/// What an issuer answers when it is asked for its keys, its configuration, a token or a person, in bytes.
pub const ISSUER_BYTES_MAX: usize = 256 * 1024;
/// Seconds that an issuer may take to answer.
pub const ISSUER_SECONDS_MAX: u64 = 10;
/// Keys that an issuer publishes.
pub const ISSUER_KEYS_MAX: usize = 100;
/// Seconds that what an issuer publishes is taken for current at least, whatever it says.
pub const ISSUER_FRESH_SECONDS_MIN: i64 = 60;
/// Seconds that it is taken for current where the issuer says nothing.
pub const ISSUER_FRESH_SECONDS_DEFAULT: i64 = 10 * 60;
/// Seconds that it is taken for current at most: so long may a key count that the issuer has taken back.
pub const ISSUER_FRESH_SECONDS_MAX: i64 = 60 * 60;
/// Seconds that it is used while the issuer cannot be reached.
pub const ISSUER_KEPT_SECONDS_MAX: i64 = 24 * 60 * 60;
/// Seconds between two looks for a key that is not known, and after a look that failed.
pub const ISSUER_LOOK_SECONDS_MIN: i64 = 10;
/// Seconds that a sign-in through a provider may take, from its begin to the way back.
pub const SIGN_IN_SECONDS_MAX: i64 = 10 * 60;
/// Sign-ins that are remembered as done, so that none is done twice; the oldest goes first.
pub const SIGN_INS_DONE_MAX: usize = 100_000;
/// The path that a sign-in leads back to, in bytes.
pub const RETURN_TO_BYTES_MAX: usize = 2_048;
/// The code that a provider gives, in bytes.
pub const SIGN_IN_CODE_BYTES_MAX: usize = 8 * 1024;
/// Providers that one can sign in through.
pub const IDENTITY_PROVIDERS_MAX: usize = 32;
/// What is kept of what a client says that it is, in bytes.
pub const USER_AGENT_BYTES_MAX: usize = 512;
/// Credentials whose reads and refusals of a minute are counted together; those of one more are recorded one by one.
pub const LEDGER_LINES_MAX: usize = 65_536;
/// Addresses whose requests with tokens that are nobody's are counted in a minute; those of more are counted together.
pub const LEDGER_ADDRESSES_MAX: usize = 1_024;
/// Requests of one credential in a minute that are no writes of events, unless the configuration says another number;
/// one more is answered 429.
pub const REQUESTS_PER_MINUTE_DEFAULT: u32 = 6_000;
/// The same for writes of events.
pub const WRITES_PER_MINUTE_DEFAULT: u32 = 1_200_000;
/// Days that an invitation can be accepted.
pub const INVITATION_DAYS_MAX: i64 = 7;
/// Hours that a link for a new password, or for the first admin, can be followed.
pub const NEW_PASSWORD_HOURS_MAX: i64 = 24;
/// Hours that a page with a form may lie open before anybody is signed in.
pub const FORM_HOURS_MAX: i64 = 24;
/// Hours that a session may be without a request, whatever the configuration says.
pub const SESSION_IDLE_HOURS_MAX: i64 = 24;
/// Days that a session may last, whatever the configuration says.
pub const SESSION_DAYS_MAX: i64 = 30;
/// Deeds of operators that are read at once to be recorded; those that follow come with the next look.
pub const OPERATOR_DEEDS_READ_MAX: i64 = 100;
