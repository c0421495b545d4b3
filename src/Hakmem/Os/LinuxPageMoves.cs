using System.Threading;

namespace Hakmem.Os;

// Whether pages that mremap moves behave as others afterwards. A kernel's do; those of an emulator of another processor
// may not: user-mode QEMU 7.2 forgets the mapping that pages were moved from, and from then on says that it discards
// pages there and does not, so that memory which was to be zero is not; where it keeps a range of addresses to
// itself (-R), an access to such pages ends the process. It is tried before pages are moved for the first time.
internal static unsafe class LinuxPageMoves
{
    private const int Untried = 0;
    private const int Reliable = 1;
    private const int Unreliable = 2;

    // Two threads that try at once may find different answers if one is refused memory; either answer is safe.
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

    // A kernel before 5.7 refuses to move. Untried if there was no room for the two pages.
    private static int Try()
    {
        const int Protection = LinuxNative.ProtectRead | LinuxNative.ProtectWrite;
        nuint page = (nuint)LinuxNative.PageSize();
        byte* source = LinuxNative.Map(
            null,
            2 * page,
            Protection,
            LinuxNative.MapPrivateAnonymous | LinuxNative.MapNoReserve,
            -1,
            0);
        if (source == LinuxNative.MapFailed)
        {
            return Untried;
        }

        byte* target = source + page;
        *source = 1;
        bool isReliable = LinuxNative.Remap(source, page, page, LinuxNative.RemapAndEmpty, target) == target;
        bool isTargetLost = !isReliable && LinuxNative.LastError != LinuxNative.ErrorInvalid;

        // The pages are asked for again before they are touched: to a kernel that changes nothing.
        isReliable = isReliable && LinuxNative.Protect(source, page, Protection) == 0 && *source == 0 &&
            *target == 1 && IsZeroOnceDiscarded(source, page) && IsZeroOnceDiscarded(target, page);

        // After a refusal for lack of memory the target may be another thread's mapping (LinuxMemory.TryMove). It is
        // left, which happens once, since the answer stays.
        _ = LinuxNative.Unmap(source, isTargetLost ? page : 2 * page);
        return isReliable ? Reliable : Unreliable;
    }

    // True also if the discard is refused, as that of locked pages is: its callers know what to do then.
    private static bool IsZeroOnceDiscarded(byte* address, nuint page)
    {
        *address = 2;
        return LinuxNative.Advise(address, page, LinuxNative.AdviseDontNeed) != 0 || *address == 0;
    }
}
