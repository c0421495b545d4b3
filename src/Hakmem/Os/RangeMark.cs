using System;

namespace Hakmem.Os;

// Sixteen bytes at the start of a committed range by which it is told from a mapping of someone else's at the same
// place: drawn once in a process, and different at every address. They are read by a system call, which refuses where a
// load would fault.
internal static unsafe class RangeMark
{
    private static readonly Guid s_mark = Guid.NewGuid();

    // SAFETY: the range is committed, and the caller's alone.
    public static void Write(byte* range) => *(Guid*)range = For(range);

    // Whether the mark is there. False as well where that cannot be found out.
    public static bool IsAt(byte* range)
    {
        Guid found;
        nuint* into = stackalloc nuint[2] { (nuint)(&found), (nuint)sizeof(Guid) };
        nuint* from = stackalloc nuint[2] { (nuint)range, (nuint)sizeof(Guid) };
        return LinuxNative.ReadProcess(LinuxNative.ProcessId(), into, 1, from, 1, 0) == sizeof(Guid) && found == For(range);
    }

    private static Guid For(byte* range)
    {
        Guid mark = s_mark;
        *(nuint*)&mark ^= (nuint)range;
        return mark;
    }
}
