//! The shape that every one-byte code of the wire shares: a byte with named values.
//!
//! Invariant: an unknown byte is a value like any other and survives decoding and encoding.

/// Defines a transparent newtype over `u8` with named values and a `name` for each.
macro_rules! codes {
    (
        $(#[$type_doc:meta])*
        $code:ident else $other:literal {
            $($(#[$value_doc:meta])* $value:ident = $byte:literal, $name:literal;)+
        }
    ) => {
        $(#[$type_doc])*
        #[derive(
            Clone, Copy, Debug, PartialEq, Eq, Hash, zerocopy::FromBytes, zerocopy::IntoBytes,
            zerocopy::KnownLayout, zerocopy::Immutable, zerocopy::Unaligned,
        )]
        #[repr(transparent)]
        pub struct $code(pub u8);

        impl $code {
            $($(#[$value_doc])* pub const $value: Self = Self($byte);)+

            /// The name of the value for people and labels; one common word for unnamed values.
            pub const fn name(self) -> &'static str {
                match self.0 {
                    $($byte => $name,)+
                    _ => $other,
                }
            }
        }
    };
}

pub(crate) use codes;
