"""Auto Scaling as AWS behaves it: moto's groups and backend, with what they lack."""

from __future__ import annotations

from moto.autoscaling.exceptions import AutoscalingClientError
from moto.autoscaling.models import AutoScalingBackend as MotoAutoScalingBackend
from moto.autoscaling.models import FakeAutoScalingGroup as MotoFakeAutoScalingGroup


class FakeAutoScalingGroup(MotoFakeAutoScalingGroup):  # type: ignore[misc]
    """Spreads its instances over its subnets."""

    vpc_zone_identifier: str | None
    """Subnet IDs, separated by commas."""

    def replace_autoscaling_group_instances(self, count_needed: int, propagated_tags: dict[str, str]) -> None:
        subnets = self.vpc_zone_identifier
        if not subnets:
            super().replace_autoscaling_group_instances(count_needed, propagated_tags)
            return
        try:
            for _ in range(count_needed):
                # moto takes the first subnet of the list.
                self.vpc_zone_identifier = min(subnets.split(","), key=self._instances_in)
                super().replace_autoscaling_group_instances(1, propagated_tags)
        finally:
            self.vpc_zone_identifier = subnets

    def _instances_in(self, subnet_id: str) -> int:
        return sum(state.instance.subnet_id == subnet_id for state in self.instance_states)


class AutoScalingBackend(MotoAutoScalingBackend):  # type: ignore[misc]
    """One region's Auto Scaling groups."""

    def set_desired_capacity(self, group_name: str, desired_capacity: int | None) -> None:
        group = self.autoscaling_groups.get(group_name)
        if group is None:
            raise AutoscalingClientError("ValidationError", f"AutoScalingGroup name not found - {group_name}")
        if desired_capacity is not None and not group.min_size <= desired_capacity <= group.max_size:
            raise AutoscalingClientError(
                "ValidationError",
                f"New SetDesiredCapacity value {desired_capacity} is not between the group's sizes "
                f"{group.min_size} and {group.max_size}.",
            )
        super().set_desired_capacity(group_name, desired_capacity)

    def delete_auto_scaling_group(self, group_name: str) -> None:
        if (group := self.autoscaling_groups.get(group_name)) is not None:
            group.min_size = 0  # it empties itself first
        super().delete_auto_scaling_group(group_name)

    def update_attached_target_groups(self, group_name: str) -> None:
        """Only running instances can be targets; the others are registered when they run."""
        group = self.autoscaling_groups[group_name]
        running = [{"Id": state.instance.id} for state in group.instance_states if state.instance.is_running()]
        for arn in group.target_group_arns if running else []:
            self.elbv2_backend.register_targets(arn, running)

    def instance_runs(self) -> None:
        """Register what runs by now with the groups' target groups."""
        for name in self.autoscaling_groups:
            self.update_attached_target_groups(name)
