using System;

namespace Hakmem.Os;

// The end of a finalizer that is to run again: of an object that watches collections, to which nothing refers.
internal static class FinalizerStep
{
    // After the next collection. An exception of a finalizer would end the process: without memory for the
    // registration the object is lost, and whoever made it does without.
    public static void RunAgain(object watcher)
    {
        try
        {
            GC.ReRegisterForFinalize(watcher);
        }
        catch (OutOfMemoryException)
        {
        }
    }
}
