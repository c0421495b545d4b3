using System;

namespace Hakmem.Os;

// The finalizer of an object that watches collections, to which nothing refers: it runs after each collection, until it
// has no more to do or the process ends. An exception of a finalizer would end the process.
internal static unsafe class FinalizerStep
{
    // isDone: takes the watcher, and says whether this was the last call.
    public static void Run(object watcher, delegate*<object, bool> isDone)
    {
        try
        {
            if (Environment.HasShutdownStarted || isDone(watcher))
            {
                return;
            }
        }
        catch (OutOfMemoryException)
        {
            // The next collection tries again.
        }

        try
        {
            GC.ReRegisterForFinalize(watcher);
        }
        catch (OutOfMemoryException)
        {
            // Without memory for the registration the watcher is lost, and whoever made it does without.
        }
    }
}
