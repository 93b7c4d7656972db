"""The state machines' definitions: plain Amazon States Language with JSONata, built of a few kinds of states."""
