"""A lake's objects in S3, or in a store that speaks as it does (MinIO, Garage).

A put is whole or not there by S3's own word; `If-None-Match: *` keeps it from replacing anything.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import boto3  # type: ignore[import-untyped]  # it ships no types
from botocore.config import Config as ClientConfig  # type: ignore[import-untyped]  # as above
from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]
from pyarrow import fs  # type: ignore[import-untyped]  # it ships no types

from cloud.lake.layout import Place
from cloud.lake.objects import LakeError

DELETED_AT_ONCE = 1_000
"""As many as S3's DeleteObjects takes."""

TRIES = 5
PATIENCE_S = 20
"""How long one request may take; an object is some megabytes at the most."""

_TAKEN = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
_ABSENT = frozenset({"NoSuchKey", "404"})


class S3Objects:
    """Objects under a prefix of a bucket; credentials are found as every AWS tool finds them."""

    def __init__(self, place: Place, endpoint: str = "") -> None:
        self._place = place
        self._endpoint = endpoint
        self._session = boto3.Session()
        self._client = self._session.client(
            "s3",
            endpoint_url=endpoint or None,
            config=ClientConfig(
                retries={"max_attempts": TRIES, "mode": "standard"},
                connect_timeout=PATIENCE_S,
                read_timeout=PATIENCE_S,
            ),
        )

    def put(self, name: str, content: bytes) -> bytes:
        """See `Objects.put`."""
        key = self._place.prefix + name
        with self._reaching():
            try:
                self._client.put_object(
                    Bucket=self._place.bucket, Key=key, Body=content, IfNoneMatch="*"
                )
            except ClientError as error:
                if _code(error) not in _TAKEN:
                    raise
            else:
                return content
        there = self.get(name)
        if there is None:
            raise LakeError(f"{name} is being written by another", hint="it is tried again")
        return there

    def get(self, name: str) -> bytes | None:
        """See `Objects.get`."""
        with self._reaching():
            try:
                found = self._client.get_object(
                    Bucket=self._place.bucket, Key=self._place.prefix + name
                )
            except ClientError as error:
                if _code(error) in _ABSENT:
                    return None
                raise
            return bytes(found["Body"].read())

    def sizes(self, prefix: str) -> Iterator[tuple[str, int]]:
        """See `Objects.sizes`; S3 lists in order of name."""
        stem = self._place.prefix
        with self._reaching():
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._place.bucket, Prefix=stem + prefix
            )
            for page in pages:
                for one in page.get("Contents", []):
                    yield one["Key"].removeprefix(stem), int(one["Size"])

    def delete(self, prefix: str) -> int:
        """See `Objects.delete`; in a bucket with versions the old ones are the bucket's affair."""
        keys = [{"Key": self._place.prefix + name} for name, _ in self.sizes(prefix)]
        for first in range(0, len(keys), DELETED_AT_ONCE):
            part = keys[first : first + DELETED_AT_ONCE]
            with self._reaching():
                answer: dict[str, Any] = self._client.delete_objects(
                    Bucket=self._place.bucket, Delete={"Objects": part, "Quiet": True}
                )
            if refused := answer.get("Errors"):
                raise LakeError(f"{len(refused)} objects stay, such as {refused[0]}")
        return len(keys)

    def sweep(self, now_ms: int) -> None:
        """See `Objects.sweep`: S3 keeps no halves."""

    def filesystem(self) -> fs.FileSystem:
        """See `Objects.filesystem`: by the same credentials and region."""
        found = self._session.get_credentials()
        if found is None:
            raise LakeError("no credentials for S3", hint="set them as for the aws command")
        keys = found.get_frozen_credentials()
        options = {"endpoint_override": self._endpoint} if self._endpoint else {}
        base = fs.S3FileSystem(
            access_key=keys.access_key,
            secret_key=keys.secret_key,
            session_token=keys.token,
            region=self._client.meta.region_name,
            **options,
        )
        return fs.SubTreeFileSystem(f"{self._place.bucket}/{self._place.prefix}".rstrip("/"), base)

    @contextlib.contextmanager
    def _reaching(self) -> Iterator[None]:
        try:
            yield
        except (BotoCoreError, ClientError) as error:
            raise LakeError(
                f"the lake in bucket {self._place.bucket} cannot be used: {error}",
                hint="check lake_url, lake_endpoint and the credentials",
            ) from error


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code", ""))
