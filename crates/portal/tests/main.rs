//! The page over raw sockets, judged by what they receive and by what the emulator then holds.

mod guard;
mod pages;
mod roles;
mod secrets;
mod support;
