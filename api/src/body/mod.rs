//! Bodies in: what a client wrote, in any spelling of either document, as the fleet's own types.
//!
//! Each reader takes the fields of one object and names everything that is wrong with them at once.
//! Fields that nobody knows become metadata where there is some; fields that only views have are
//! passed over, so that what was read may be written back.

mod agent;
mod answer;
mod command;
pub(crate) mod fields;
mod heartbeat;
mod publication;
pub(crate) mod scalars;
mod task;
mod template;
mod workflow;

pub use agent::{read_agent_change, read_registration};
pub use answer::read_answer;
pub use command::{read_command, read_message, read_request};
pub use heartbeat::{Heartbeat, read_heartbeat};
pub use publication::read_publication;
pub use task::{read_task, read_task_change};
pub use workflow::read_workflow;

pub(crate) use agent::AGENT_ID;
pub(crate) use command::is_callback_path;
pub(crate) use publication::read_published;
pub(crate) use task::{FIXED as TASK_FIXED, OTHER_TYPE};
pub(crate) use template::read_template;
