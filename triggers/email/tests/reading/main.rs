//! Reading mail: any bytes, in bounded time, and the mails of others as others read them.

mod bounds;
mod corpus;
mod differences;
mod shapes;
