"""No report shows a key that stands in the command line of a client."""

from __future__ import annotations

import base64

import pytest

from relace_contract.server.command_keys import keys_in_command

SECRET = "sk-Secr3tA1b2C3d4E5f6"
BASIC = base64.b64encode(f"user:{SECRET}".encode()).decode()
COMMANDS = [
    f"--api-key {SECRET}",
    f"--api-key={SECRET}",
    f"--auth {SECRET}",
    f"--pass {SECRET}",
    f"--pwd={SECRET}",
    f"--credential {SECRET}",
    f"--jwt {SECRET}",
    f"--signature={SECRET}",
    f"--password 'pa$$wd-{SECRET}'",
    f'--password "pa\\$\\$wd-{SECRET}"',
    f"-H 'Cookie: session={SECRET}'",
    f"-H 'Cookie: a=1; session={SECRET}; b=2'",
    f"-H 'Authorization: {SECRET}'",
    f"-H 'Authorization: Token {SECRET}'",
    f"-H 'Authorization: ApiKey {SECRET}'",
    f"-H 'Authorization:Bearer {SECRET}'",
    f"-H 'X-Session: {SECRET}'",
    f"--header=X-Api-Key,{SECRET}",
    f"-u user:{SECRET}",
    f"-uuser:{SECRET}",
    f"--user me:{SECRET}",
    f"--proxy-user=me:{SECRET}",
    f"--proxy http://u:{SECRET}@h:1/",
    f"http://u:{SECRET}@h/",
    f"'http://x/?auth={SECRET}&a=1'",
    f"'http://x/?a=1&access_token={SECRET}'",
    f"'http://x/?api%5Fkey={SECRET}'",
    f'\'{{"api_key": "{SECRET}"}}\'',
    f'"{{\\"api_key\\": \\"{SECRET}\\"}}"',
    f"--set key::{SECRET}",
    f"'AccountName=a;AccountKey={SECRET};End=1'",
    f"'api_key\n{SECRET}'",
    f"--header 'Cookie: session={SECRET}",  # the quote is not closed
]


@pytest.mark.parametrize("words", COMMANDS)
def test_a_key_in_a_command_is_hidden(words: str) -> None:
    hide = keys_in_command(f"env X_AUTH=1 client {words}").hide
    assert SECRET not in hide(f"client {words}")
    assert SECRET not in hide(f"the client said: no such key {SECRET}")


def test_a_key_in_the_environment_of_a_command_is_hidden() -> None:
    hide = keys_in_command(f"env RELACE_SECRET={SECRET} X_AUTH=b-{SECRET} client").hide
    assert SECRET not in hide(f"{SECRET} b-{SECRET}")


def test_basic_credentials_are_hidden_encoded_and_decoded() -> None:
    hide = keys_in_command(f"client -H 'Authorization: Basic {BASIC}'").hide
    told = hide(f"{BASIC} {SECRET}")
    assert BASIC not in told and SECRET not in told


@pytest.mark.parametrize(
    "command",
    [
        "python session_client.py --base-url http://127.0.0.1:8080/v1",
        "node auth-client.js --verbose --no-auth --base-url http://127.0.0.1:8080/v1",
        "client --key-file ./folder/secret.pem --tokenizer=bert-base-uncased",
        'client --api-key "$RELACE_API_KEY" --token ${SOME_TOKEN} --author=somebody-else',
        "client --auth-url http://127.0.0.1:8080/v1 --compass=north-by-west",
        "curl -H 'Authorization: Bearer $RELACE_API_KEY' http://127.0.0.1:8080",
        "",
    ],
)
def test_other_words_of_a_command_are_shown(command: str) -> None:
    assert keys_in_command(command).hide(command) == command
