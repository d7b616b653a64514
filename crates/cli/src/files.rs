//! How many files a server may have open: connections, segments and the catalog count together.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Raises the limit to the highest that the system allows. It is often 1,024, for the sake of programs that cannot take
/// more, and as many connections alone may come.
pub(crate) fn allow_many() {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current == maximum {
        return;
    }
    // A server with the limit that it has is better than none.
    let _ = setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum });
}
