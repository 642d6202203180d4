"""What the Temporal UI shows of a running ticket, in words."""

from zoneinfo import ZoneInfo

from domain.ticket import TicketView


def details_of(view: TicketView, timezone: str) -> str:
    """A ticket's state in Markdown, its times in the bank's zone. No personal data."""
    lines = [
        f"**{view.state.upper()}**"
        + (" · on hold" if view.held else "")
        + (" · fast track" if view.fast_track else ""),
        f"SOP {view.sop} `{view.sop_digest[:8]}` · group {view.task.assigned_group}",
        "\n".join([f"risk {view.risk}", "", *(f"- {reason}" for reason in view.risk_reasons)]),
    ]
    if view.deadline_at:
        ends = view.deadline_at.astimezone(ZoneInfo(timezone))
        lines.append(f"SLA ends {ends:%Y-%m-%d %H:%M %z} · level {view.sla_level or 'normal'}")
    if view.waiting_for:
        lines.append(f"waits for **{view.waiting_for}** at `{view.current_step}`")
    lines.extend(
        f"review `{review.review_id}`: {review.question}\n\ndigest `{review.digest}`"
        for review in view.open_reviews
    )
    if view.steps_done:
        lines.append("done: " + ", ".join(f"`{step}`" for step in view.steps_done))
    if view.steps_skipped:
        lines.append("skipped: " + ", ".join(f"`{step}`" for step in view.steps_skipped))
    if view.result:
        lines.append(view.result)
    return "\n\n".join(lines)
