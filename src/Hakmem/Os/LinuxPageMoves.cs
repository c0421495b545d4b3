using System.Threading;

namespace Hakmem.Os;

// Whether pages that mremap moves behave as others afterwards. A kernel's do; those of an emulator of another processor
// may not: user-mode QEMU 7.2 forgets the mapping that pages were moved from, and from then on says that it discards
// pages there and does not, so that memory which was to be zero is not. It is tried once, at the first wish to move.
internal static unsafe class LinuxPageMoves
{
    private const int Untried = 0;
    private const int Reliable = 1;
    private const int Unreliable = 2;

    // Every thread that tries finds the same, so a race costs a second try.
    private static int s_state;

    public static bool AreReliable
    {
        get
        {
            int state = Volatile.Read(ref s_state);
            if (state == Untried)
            {
                state = Try();
                Volatile.Write(ref s_state, state);
            }

            return state == Reliable;
        }
    }

    // A kernel before 5.7 refuses to move. Untried if there was no room for another mapping.
    private static int Try()
    {
        nuint page = (nuint)LinuxNative.PageSize();
        byte* source = LinuxNative.Map(
            null,
            2 * page,
            LinuxNative.ProtectRead | LinuxNative.ProtectWrite,
            LinuxNative.MapPrivateAnonymous | LinuxNative.MapNoReserve,
            -1,
            0);
        if (source == LinuxNative.MapFailed)
        {
            return Untried;
        }

        int state = TryMove(source, source + page, page);
        if (state == Reliable && !(IsDiscarded(source, page) && IsDiscarded(source + page, page)))
        {
            state = Unreliable;
        }

        _ = LinuxNative.Unmap(source, 2 * page);
        return state;
    }

    private static int TryMove(byte* source, byte* target, nuint page)
    {
        *source = 1;
        if (LinuxNative.Remap(source, page, page, LinuxNative.RemapAndEmpty, target) == target)
        {
            return *source == 0 && *target == 1 ? Reliable : Unreliable;
        }

        return LinuxNative.LastError == LinuxNative.ErrorNoMemory ? Untried : Unreliable;
    }

    private static bool IsDiscarded(byte* address, nuint page)
    {
        *address = 2;
        return LinuxNative.Advise(address, page, LinuxNative.AdviseDontNeed) == 0 && *address == 0;
    }
}
