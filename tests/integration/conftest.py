"""An Order API that a test can make misbehave, and its address."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tests.support.scripted_api import Api, serving

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def base(api: Api) -> Iterator[str]:
    with serving(api) as url:
        yield url
