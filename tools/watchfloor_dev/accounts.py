"""As whom the private servers run. PostgreSQL refuses root, so root hands it to another account."""

import os
import pwd
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from watchfloor_dev.talk import refuse

FALLBACKS = ("postgres", "nobody")


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A system account by its numbers, and whether processes have to be switched to it."""

    uid: int
    gid: int
    switch: bool

    @property
    def user(self) -> int | None:
        """For `subprocess`: the user to switch to, None to stay."""
        return self.uid if self.switch else None

    @property
    def group(self) -> int | None:
        """For `subprocess`: the group to switch to, None to stay."""
        return self.gid if self.switch else None

    @property
    def extra_groups(self) -> list[int] | None:
        """For `subprocess`: no groups of root's may stay behind."""
        return [] if self.switch else None

    def own(self, path: Path) -> None:
        """Give `path` to this account and close it to all others."""
        if self.switch:
            os.chown(path, self.uid, self.gid)
        path.chmod(0o700)


@cache
def server_account(checkout: Path) -> Account:
    """Who runs as root gets the checkout's owner, else `postgres`, else `nobody`; everybody else runs as themselves."""
    if os.geteuid() != 0:
        return Account(uid=os.geteuid(), gid=os.getegid(), switch=False)
    owner = checkout.stat().st_uid
    entries = [_entry(owner)] if owner else []
    entries += [_entry(name) for name in FALLBACKS]
    for entry in entries:
        # initdb looks its own account up by number: one without an entry is of no use.
        if entry is not None:
            return Account(uid=entry.pw_uid, gid=entry.pw_gid, switch=True)
    return refuse("PostgreSQL does not run as root, and there is neither an account `postgres` nor `nobody`")


def _entry(who: int | str) -> pwd.struct_passwd | None:
    try:
        return pwd.getpwnam(who) if isinstance(who, str) else pwd.getpwuid(who)
    except KeyError:
        return None


def can_enter(account: Account, directory: Path) -> bool:
    """Whether the account may pass through `directory` and all above it. Looks at mode bits only, not at ACLs."""
    return all(_may_pass(account, path.stat()) for path in (directory, *directory.parents))


def _may_pass(account: Account, status: os.stat_result) -> bool:
    if status.st_uid == account.uid:
        return bool(status.st_mode & 0o100)
    if status.st_gid == account.gid:
        return bool(status.st_mode & 0o010)
    return bool(status.st_mode & 0o001)
