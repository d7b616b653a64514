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
/// The name of a token, an organization or a rule.
pub const NAME_CHARS_MAX: usize = 128;

/// Entries of each list in the configuration: exclusion rules, redaction rules, external access, webhooks.
pub const RULES_MAX: usize = 256;
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
/// Conditions of one query; words and phrases count too.
pub const CONDITIONS_MAX: usize = 32;
/// Values of one condition.
pub const CONDITION_VALUES_MAX: usize = 100;
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
