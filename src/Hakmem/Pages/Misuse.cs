using System.Globalization;
using Hakmem.Records;

namespace Hakmem.Pages;

// The errors for pointers that cannot be freed, resized or queried.
internal static unsafe class Misuse
{
    public static HakmemCorruptionException Of(void* address, string operation, string finding) =>
        new(
            string.Create(CultureInfo.InvariantCulture, $"{operation} of 0x{(ulong)address:x}: {finding}."),
            (nuint)address);

    public static HakmemCorruptionException OtherHeap(void* address, string operation) =>
        Of(address, operation, "it belongs to another heap");

    public static HakmemCorruptionException NoBlock(void* address, string operation) =>
        Of(address, operation, "no block is there: it was freed already, or never handed out");

    public static HakmemCorruptionException FreedAlready(void* address, string operation) =>
        Of(address, operation, "it was freed already");

    // Returns the error for a block that existed when it was resolved, and no longer does.
    public static HakmemCorruptionException FreedMeanwhile(void* address, string operation) =>
        Of(address, operation, "it was freed already, or another thread is resizing it");

    // Returns the error for a block that was free already when it returned to its span; null for address zero.
    public static HakmemCorruptionException? LateDoubleFree(nuint address) => address == 0
        ? null
        : Of((void*)address, "Free", "an earlier double free: the block came back to its span a second time");

    // Throws if a caller says that a block has more bytes than it has.
    public static void RequireSize(void* address, string operation, nuint byteCount, nuint blockBytes)
    {
        if (byteCount > blockBytes)
        {
            throw Of(address, operation, string.Create(
                CultureInfo.InvariantCulture,
                $"the caller says that it has {byteCount} bytes, but the block has {blockBytes}"));
        }
    }

    // Throws unless an address, which lies inBlock bytes into a block, is its first byte.
    public static void RequireStart(void* address, string operation, nuint inBlock, nuint blockBytes)
    {
        if (inBlock != 0)
        {
            string kind = inBlock % Geometry.MinAlignment == 0 ? "an interior" : "a misaligned";
            nuint start = (nuint)address - inBlock;
            throw Of(address, operation, string.Create(
                CultureInfo.InvariantCulture,
                $"it is {kind} pointer, {inBlock} bytes into the block of {blockBytes} at 0x{(ulong)start:x}"));
        }
    }
}
