using System.Globalization;

namespace Hakmem.Guarded;

// The errors for a pointer that must not be freed, resized or asked about.
internal static unsafe class Misuse
{
    public static HakmemCorruptionException Of(void* address, string operation, string finding) =>
        new(string.Create(CultureInfo.InvariantCulture, $"{operation} of 0x{(nuint)address:x}: {finding}."), (nuint)address);

    public static HakmemCorruptionException FreedAlready(void* address, string operation) =>
        Of(address, operation, "it was freed already");

    // The error for a block that was already free when it came back to its span; null for an address of zero.
    public static HakmemCorruptionException? LateDoubleFree(nuint address) => address == 0
        ? null
        : Of((void*)address, "Free", "an earlier double free: the block came back to its span a second time");
}
