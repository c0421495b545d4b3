using System;
using System.Collections.Generic;
using System.Globalization;
using System.IO;
using System.Runtime.InteropServices;

namespace Hakmem.Os;

// What glibc says of its malloc (malloc_info): for each arena the bytes that it took from the system and the free bytes
// among them, and the bytes of the blocks that it mapped one by one.
//
//   <malloc version="1"> <heap nr="0"> <sizes> ... </sizes>
//   <total type="fast" count="1" size="32"/> <total type="rest" count="2" size="4096"/>
//   <system type="current" size="135168"/> ... </heap>
//   <total type="mmap" count="3" size="1052672"/> ... </malloc>
//
// The free bytes contain the end of an arena, but not the blocks in caches of threads, which count as in use.
internal sealed unsafe class MallocInfo
{
    private readonly List<MallocArena> _arenas = [];

    private MallocInfo()
    {
    }

    // In glibc's order; the first is the main arena.
    public IReadOnlyList<MallocArena> Arenas => _arenas;

    public long MappedBytes { get; private set; }

    public long InUseBytes { get; private set; }

    // What is not in use of the arenas.
    public long FreeBytes { get; private set; }

    // Null if the C library has no such function (musl), or refuses.
    public static MallocInfo? TryRead()
    {
        byte* text = null;
        nuint bytes = 0;
        nint stream = 0;
        try
        {
            stream = LinuxNative.OpenMemoryStream(&text, &bytes);
            if (stream == 0 || LinuxNative.MallocInfo(0, stream) != 0)
            {
                return null;
            }

            // The text is complete, and its address final, once the stream is closed.
            _ = LinuxNative.CloseStream(stream);
            stream = 0;
            return Parse(new ReadOnlySpan<byte>(text, checked((int)bytes)));
        }
        catch (EntryPointNotFoundException)
        {
            return null;
        }
        finally
        {
            if (stream != 0)
            {
                _ = LinuxNative.CloseStream(stream);
            }

            if (text != null)
            {
                // Not the C library's own free: another malloc may have taken the place of both.
                NativeMemory.Free(text);
            }
        }
    }

    // Throws InvalidDataException for a text of another form.
    public static MallocInfo Parse(ReadOnlySpan<byte> text)
    {
        MallocInfo info = new();
        bool isInArena = false;
        bool isComplete = false;
        MallocArena arena = default;
        int start;
        while ((start = text.IndexOf((byte)'<')) >= 0)
        {
            text = text.Slice(start + 1);
            int end = text.IndexOf((byte)'>');
            if (end < 0)
            {
                break;
            }

            ReadOnlySpan<byte> tag = text.Slice(0, end);
            text = text.Slice(end + 1);
            if (tag.StartsWith("heap "u8))
            {
                isInArena = true;
                arena = default;
            }
            else if (tag.SequenceEqual("/heap"u8) && isInArena)
            {
                isInArena = false;
                info._arenas.Add(arena);
                info.InUseBytes += arena.InUseBytes;
                info.FreeBytes += arena.Bytes - arena.InUseBytes;
            }
            else if (tag.SequenceEqual("/malloc"u8))
            {
                isComplete = !isInArena && info._arenas.Count > 0;
            }
            else if (isInArena && tag.StartsWith("system type=\"current\""u8))
            {
                arena = arena with { Bytes = SizeOf(tag) };
            }
            else if (isInArena &&
                (tag.StartsWith("total type=\"fast\""u8) || tag.StartsWith("total type=\"rest\""u8)))
            {
                arena = arena with { FreeBytes = arena.FreeBytes + SizeOf(tag) };
            }
            else if (tag.StartsWith("total type=\"mmap\""u8))
            {
                info.MappedBytes = SizeOf(tag);
            }
        }

        return isComplete ? info : throw new InvalidDataException(
            "The text of malloc_info has no arena, or it ends too early.");
    }

    private static long SizeOf(ReadOnlySpan<byte> tag)
    {
        ReadOnlySpan<byte> name = " size=\""u8;
        int start = tag.IndexOf(name);
        long value = 0;
        int index = start < 0 ? tag.Length : start + name.Length;
        int first = index;
        for (; index < tag.Length && tag[index] is >= (byte)'0' and <= (byte)'9' && value < 1L << 56; index++)
        {
            value = (value * 10) + tag[index] - (byte)'0';
        }

        return index > first && index < tag.Length && tag[index] == (byte)'"' ? value : throw new InvalidDataException(
            string.Create(CultureInfo.InvariantCulture, $"A total of malloc_info has no size: {TextOf(tag)}"));
    }

    private static string TextOf(ReadOnlySpan<byte> tag)
    {
        char[] text = new char[tag.Length];
        for (int i = 0; i < text.Length; i++)
        {
            text[i] = (char)tag[i];
        }

        return new string(text);
    }
}

// One arena of glibc's malloc: the bytes that it took from the system, and how many of them are free.
internal readonly record struct MallocArena(long Bytes, long FreeBytes)
{
    public long InUseBytes => Math.Max(0, Bytes - FreeBytes);
}
