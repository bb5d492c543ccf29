"""The local voice: eSpeak NG, from a package that carries the library and its data; nothing is fetched."""

import asyncio
import ctypes
import io
import threading
import wave
from functools import cache
from types import ModuleType

from evaluator.errors import EngineRejected, EngineUnavailable
from live_agent.speech.voices import MEDIA_TYPES, Spoken, Voice

PROVIDER = "espeak"
WORDS_PER_MINUTE = 165  # at speed 1

_SYNCHRONOUS = 2  # espeak_AUDIO_OUTPUT
_UTF8 = 1
_RATE = 1  # espeak_PARAMETER
_CHARACTER = 1  # espeak_POSITION_TYPE
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
_ONE_AT_A_TIME = threading.Lock()  # the library has one state for the whole process


class Espeak:
    """An Engine that speaks on this machine, about a thousand times as fast as speech."""

    async def speak(self, text: str, voice: Voice) -> Spoken:
        """A WAV file, 16 bits, one channel, in the library's own sample rate.

        EngineUnavailable without the extra `speech`; EngineRejected for another format, rate or an unknown voice.
        """
        return await asyncio.to_thread(_speak, text, voice)


def _speak(text: str, voice: Voice) -> Spoken:
    with _ONE_AT_A_TIME:
        library, rate = _library()
        if (voice.format, voice.sample_rate) != ("wav", rate):
            raise EngineRejected(f"the local voice speaks wav at {rate} samples a second only")
        if library.espeak_SetVoiceByName(voice.voice.encode()) != 0:
            raise EngineRejected(f"the local voice has no {voice.voice!r}")
        library.espeak_SetParameter(_RATE, round(WORDS_PER_MINUTE * voice.speed), 0)
        samples = _samples(library, text.encode("utf-8", "replace"))
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(samples)
    return Spoken(data=file.getvalue(), media_type=MEDIA_TYPES["wav"], seconds=len(samples) / 2 / rate)


def _samples(library: ctypes.CDLL, text: bytes) -> bytes:
    heard = bytearray()

    def take(samples: "ctypes._Pointer[ctypes.c_short]", count: int, _: int | None) -> int:
        if samples and count > 0:
            heard.extend(ctypes.string_at(samples, count * 2))
        return 0

    callback = _CALLBACK(take)  # must outlive the call
    library.espeak_SetSynthCallback(callback)
    text = text.replace(b"\0", b" ")
    if library.espeak_Synth(text, len(text) + 1, 0, _CHARACTER, 0, _UTF8, None, None) != 0:
        raise EngineUnavailable("the local voice failed; nothing was spoken")
    return bytes(heard)


@cache
def _library() -> tuple[ctypes.CDLL, int]:
    """The library, made ready once, and its samples per second."""
    loader = _loader()
    library = ctypes.CDLL(loader.get_library_path())
    library.espeak_Initialize.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_int]
    library.espeak_Synth.argtypes = [
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_uint,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.c_uint,
        ctypes.c_void_p,
        ctypes.c_void_p,
    ]
    rate = library.espeak_Initialize(_SYNCHRONOUS, 0, loader.get_data_path().encode(), 0)
    if rate <= 0:
        raise EngineUnavailable("the local voice cannot read its data; install the extra `speech` again")
    return library, rate


def _loader() -> ModuleType:
    try:
        import espeakng_loader  # an extra
    except ImportError:
        raise EngineUnavailable("there is no local voice here; install debrief[speech]") from None
    loader: ModuleType = espeakng_loader
    return loader
