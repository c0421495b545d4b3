using System;
using System.Runtime.CompilerServices;
using Hakmem.Os;

namespace Hakmem.Profiling;

// A hash of the return addresses on the calling thread's stack: tells call stacks apart in some ten nanoseconds, where
// the runtime takes tens of microseconds to name their methods.
//
// Compiled methods that call others keep a chain of frames: each begins with the address of its caller's frame, and the
// return address lies above it. A frame is read only if it is aligned, above the one before it, and within the part of
// the thread's stack that is in use: that is mapped and is the thread's own. On a stack that is not the thread's (a
// signal's) there is no hash.
//
// Two kinds of code are not in the chain. Small methods with one call keep no frame: their return addresses lie right
// above a frame, below the variables of the method with the next one. And native code that uses the frame pointer for
// something else (some of the C library does) ends the chain below the methods that called it, such as the caller of a
// sort whose comparison is a managed method. So there the words above a frame are hashed too, if they look like
// addresses of compiled methods: if they are near those of this class. Some are left from earlier calls, which may give
// a stack several hashes. That costs time, and nothing else, as equal texts have one number.
//
// Whether the chain is usable depends on the runtime and the system. So a few calls are tried when this class is first
// used; unless they give what they should, there are no hashes, and the caller asks the runtime for each stack.
internal static unsafe class StackHash
{
    // Deeper frames are not hashed.
    public const int MaxFrames = 64;

#if NET
    // How much of what lies above a frame is searched, the frame's own two words included: some three small methods.
    private const int GapBytes = 10 * sizeof(ulong);

    // How much of what lies above the end of the chain is searched: the frames of native code between two managed
    // methods.
    private const int BeyondBytes = 8 << 10;

    // This library's own frames, above which nothing is searched.
    private const int OwnFrames = 4;

    // Compiled methods lie within this distance of each other.
    private const nuint CodeBytes = 256 << 20;

    // How often the test of the chain repeats a call.
    private const int Rounds = 4;

    // Without optimisation, native functions are called through a method of the runtime, whose frame is the one that is
    // found: it lies at most so far below this class's own, and has just been left, so that it is still there.
    private const int MaxCallBytes = 1024;

    private const ulong Factor = 0x9E37_79B9_7F4A_7C15;

    private static readonly OsMemory? s_os = CreateOs();
    private static readonly delegate* unmanaged[SuppressGCTransition]<nuint> s_framePointer =
        (delegate* unmanaged[SuppressGCTransition]<nuint>)(s_os is null ? null : s_os.TryMakeFrameReader());

    // The last of the initializers, since it uses what the others make.
    private static readonly bool s_isTrusted = s_framePointer != null && IsUsable();

    // Whether there are hashes on this system.
    public static bool IsSupported => s_isTrusted;

    // False if the stack cannot be read. Never throws, since callers are between two steps: a thread's first use of its
    // thread-statics may need managed memory.
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static bool TryTake(out ulong hash)
    {
        hash = 0;
        try
        {
            return s_isTrusted && Walk(out hash) > 0;
        }
        catch (OutOfMemoryException)
        {
            return false;
        }
    }

    // Returns how many frames were found.
    [MethodImpl(MethodImplOptions.NoInlining)]
    public static int Walk(out ulong hash)
    {
        int local = 0;
        nuint here = (nuint)(&local) & ~(nuint)(sizeof(nuint) - 1);
        nuint end = Bounds.t_end != 0 ? Bounds.t_end : FindBounds();
        nuint begin = Bounds.t_begin;
        ulong sum = 0;
        nuint code = 0;
        int depth = 0;
        nuint frame = s_framePointer();
        nuint last = here - MaxCallBytes;
        if (last >= begin && here < end)
        {
            // SAFETY: each address read lies between a local variable of this method and the end of the stack, except
            // that of the first frame, which lies in pages that the call has just used.
            while (depth < MaxFrames && frame > last && frame < end && end - frame >= 2 * (nuint)sizeof(nuint) &&
                frame % (nuint)sizeof(nuint) == 0)
            {
                last = nuint.Max(frame, here);
                nuint* words = (nuint*)frame;
                sum = Mix(sum, words[1]);
                code = depth == 0 ? words[1] : code;
                depth++;
                frame = words[0];
                nuint* gap = words + 2;
                bool isSearched = depth > OwnFrames && frame > last && frame < end;
                nuint gapEnd = isSearched ? nuint.Min(frame, last + (nuint)GapBytes) : 0;
                for (; (nuint)gap < gapEnd; gap++)
                {
                    if (*gap - (code - CodeBytes) < 2 * CodeBytes && *gap - begin >= end - begin)
                    {
                        sum = Mix(sum, *gap);
                    }
                }
            }

            if (depth is > 0 and < MaxFrames && last != Bounds.t_bottom)
            {
                sum = HashBeyond(sum, last, code);
            }
        }

        hash = sum;
        return depth;
    }

    // What is above the chain's last frame. Remembers where nothing is: that is the thread's outermost frame, where
    // most chains end.
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static ulong HashBeyond(ulong sum, nuint last, nuint code)
    {
        nuint begin = Bounds.t_begin;
        nuint end = Bounds.t_end;
        ulong before = sum;

        // SAFETY: from the last frame to the end of the thread's stack, as above.
        nuint* word = (nuint*)last + 2;
        nuint* wordEnd = word + ((nuint.Min(end, last + BeyondBytes) - (nuint)word) / (nuint)sizeof(nuint));
        for (; word < wordEnd; word++)
        {
            if (*word - (code - CodeBytes) < 2 * CodeBytes && *word - begin >= end - begin)
            {
                sum = Mix(sum, *word);
            }
        }

        Bounds.t_bottom = sum == before ? last : Bounds.t_bottom;
        return sum;
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong Mix(ulong sum, nuint word)
    {
        sum = (sum ^ word) * Factor;
        return sum ^ (sum >> 32);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static nuint FindBounds()
    {
        ManagedMemory.Need();
        bool isKnown = s_os!.TryGetStack(out nuint begin, out nuint end);
        Bounds.t_begin = isKnown ? begin : 1;
        return Bounds.t_end = isKnown ? end : 1;
    }

    private static OsMemory? CreateOs()
    {
        try
        {
            return OsMemory.CreateForCurrentSystem();
        }
        catch (PlatformNotSupportedException)
        {
            return null;
        }
    }

    // Whether calls from one place give one hash, calls from two places give two, and each call adds one frame.
    private static bool IsUsable()
    {
        ulong first = 0;
        int depth = 0;
        for (int round = 0; round < Rounds; round++)
        {
            // The first calls may be compiled and linked meanwhile.
            int found = CallA(out ulong hash);
            if (round == Rounds - 1 && (hash != first || found != depth))
            {
                return false;
            }

            first = hash;
            depth = found;
        }

        int other = CallB(out ulong otherHash);
        int deeper = CallTwice(out ulong deeperHash);
        return depth > 2 && other == depth && otherHash != first && deeperHash != first &&
            (deeper == depth + 1 || depth == MaxFrames);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int CallA(out ulong hash)
    {
        int depth = Walk(out hash);
        hash ^= 1;
        return depth;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int CallB(out ulong hash)
    {
        int depth = Walk(out hash);
        hash ^= 1;
        return depth;
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static int CallTwice(out ulong hash)
    {
        int depth = CallA(out hash);
        hash ^= 2;
        return depth;
    }

    // The bounds of the thread's stack; both 0 before the first use, and both 1 if they are not known. A class of its
    // own, since the initializers of the other use them: .NET 10 ends in an endless loop, or frees memory twice, where
    // the initializer of a class in a collectible AssemblyLoadContext writes a thread-static of the same class.
    private static class Bounds
    {
        [ThreadStatic]
        public static nuint t_begin;

        [ThreadStatic]
        public static nuint t_end;

        // The last frame of a chain above which there was nothing; 0 before there was one.
        [ThreadStatic]
        public static nuint t_bottom;
    }
#else
    // Mono, on which this target mostly runs, keeps no chain that could be relied on, and the C# compiler cannot call a
    // function of the kind needed there.
    public static bool IsSupported => false;

    public static bool TryTake(out ulong hash)
    {
        hash = 0;
        return false;
    }
#endif
}
