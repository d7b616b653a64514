//! Numbers that look random and are the same every time: a small generator, and Zipf's law on top of it.

/// A generator of pseudo-random numbers (xorshift64*).
pub(crate) struct Random(u64);

impl Random {
    /// One for each pair of numbers: neighbours give sequences that have nothing in common.
    pub(crate) fn new(seed: u64, number: u64) -> Self {
        Self(scatter(seed ^ scatter(number.wrapping_add(1))) | 1)
    }

    /// Any number.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// From 0 up to but not including `end`. The low bits of this generator are weak, so it is asked for the high ones.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        let wide = u128::from(self.next()) * u128::from(end);
        (wide >> 64) as u64
    }

    /// From 0 to 1.
    pub(crate) fn fraction(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Whether something happens that happens so many times in 10,000.
    pub(crate) fn is_one_of(&mut self, in_ten_thousand: u64) -> bool {
        self.below(10_000) < in_ten_thousand
    }

    /// One of a list that is not empty.
    pub(crate) fn pick<'a, T>(&mut self, list: &'a [T]) -> &'a T {
        let at = self.below(list.len() as u64) as usize;
        list.get(at).expect("a number below the length of a list that is not empty is a place in it")
    }
}

/// Spreads a number over all 64 bits (the finaliser of splitmix64).
pub(crate) fn scatter(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

/// Numbers from 0, where the k-th is chosen in proportion to 1/(k + 1)^exponent.
pub(crate) struct Zipf {
    cumulated: Vec<f64>,
}

impl Zipf {
    /// `count` numbers, at least one.
    pub(crate) fn new(count: usize, exponent: f64) -> Self {
        let mut sum = 0.0;
        let weights = (1..=count.max(1)).map(|rank| 1.0 / (rank as f64).powf(exponent));
        let add = |weight: f64| {
            sum += weight;
            sum
        };
        Self { cumulated: weights.map(add).collect() }
    }

    /// One number.
    pub(crate) fn sample(&self, random: &mut Random) -> usize {
        let sum = self.cumulated.last().copied().unwrap_or(0.0);
        let place = random.fraction() * sum;
        self.cumulated.partition_point(|&end| end <= place).min(self.cumulated.len().saturating_sub(1))
    }
}
