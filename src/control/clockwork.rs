//! What the clock brings to a hub: everything that is due.

use super::machine::MachineLoad;
use super::round::Round;

impl Round<'_> {
    /// Does what is due. `is_read`: whether events have a reader.
    pub(super) fn tick(&mut self, load: MachineLoad, is_read: bool) {
        let now = self.now.instant;
        match is_read {
            true => {
                let due = self.state.metrics.due(now);
                self.tell_metrics(&due);
            }
            false => self.state.metrics.clear(),
        }
        let flows = self.state.flows.due(now);
        self.tell_flows(flows);
        for coordination in self.state.coordinations.untold(now) {
            self.tell_progress(&coordination);
        }
        for coordination in self.state.coordinations.overdue(now) {
            self.tell_progress(&coordination);
        }
        for command in self.state.commands.overdue(now) {
            self.tell_overdue(&command);
        }
        let due = self.state.redelivery.due(now);
        self.redeliver(due);
        self.check_silence();
        self.tell_graph();
        self.tell_removed();
        self.survey_mail(now);
        self.tell_system_metrics(load, is_read);
    }

    fn check_silence(&mut self) {
        let state = &mut *self.state;
        let silence_max = state.configurations.silence_max();
        let (members, directory) = (&state.members, &state.directory);
        let now = self.now.instant;
        let turned = state.silence.check(members, directory, silence_max, now);
        for one in &turned {
            self.tell_turned(one);
        }
    }
}
