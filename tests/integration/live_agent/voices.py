"""A voice and an ear for sessions without a room: real sound of the local engine, and what comes out at the end."""

import asyncio

from livekit.agents import DEFAULT_API_CONNECT_OPTIONS, tts
from livekit.agents.voice import io

from live_agent.speech.espeak import Espeak
from live_agent.speech.voices import LOCAL

RATE = 22_050


class LocalVoice(tts.TTS):
    """The local engine as a session's own voice; it notes what it was asked to say."""

    def __init__(self):
        super().__init__(capabilities=tts.TTSCapabilities(streaming=False), sample_rate=RATE, num_channels=1)
        self.said = []

    def synthesize(self, text, *, conn_options=DEFAULT_API_CONNECT_OPTIONS):
        """One sentence."""
        self.said.append(text)
        return _Sentence(tts=self, input_text=text, conn_options=conn_options)


class _Sentence(tts.ChunkedStream):
    async def _run(self, output_emitter):
        spoken = await Espeak().speak(self.input_text, LOCAL)
        output_emitter.initialize(request_id="r", sample_rate=RATE, num_channels=1, mime_type="audio/wav")
        output_emitter.push(spoken.data)
        output_emitter.flush()


class Ear(io.AudioOutput):
    """Hears everything at once."""

    def __init__(self):
        super().__init__(label="ear", capabilities=io.AudioOutputCapabilities(pause=False), sample_rate=RATE)
        self.seconds, self._pushed, self.heard = 0.0, 0.0, asyncio.Event()

    async def capture_frame(self, frame):
        """One frame."""
        await super().capture_frame(frame)
        if not self._pushed:
            self.on_playback_started(created_at=0.0)
        self.heard.set()
        self.seconds += frame.duration
        self._pushed += frame.duration

    def flush(self):
        """A turn is over: it was heard."""
        super().flush()
        if self._pushed:
            pushed, self._pushed = self._pushed, 0.0
            self.on_playback_finished(playback_position=pushed, interrupted=False)

    def clear_buffer(self):
        """Nothing waits."""
        self.flush()
